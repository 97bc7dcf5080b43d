"""workers.py PORT reuseport|shared: three processes that serve one port.

GET /stuck gets a handler that never returns; everything else is answered at once. A line of JSON
says the workers' pids.
"""

import json
import os
import socket
import sys
import time

BACKLOG = 5
port, how = int(sys.argv[1]), sys.argv[2]


def listener():
    it = socket.socket()
    it.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if how == "reuseport":
        it.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    it.bind(("0.0.0.0", port))
    it.listen(BACKLOG)
    return it


def serve(it):
    while True:
        connection, _ = it.accept()
        with connection:
            if connection.recv(4096).startswith(b"GET /stuck"):
                with open(f"/run/lab/stuck.{port}", "w", encoding="ascii") as file:
                    file.write(str(os.getpid()))
                while True:
                    time.sleep(3600)
            body = f"{os.getpid()}\n"
            head = f"HTTP/1.0 200 OK\r\nContent-Length: {len(body)}\r\n\r\n"
            connection.sendall((head + body).encode())


shared = listener() if how == "shared" else None
ready_end, write_end = os.pipe()
pids = []
for _ in range(3):
    pid = os.fork()
    if pid == 0:
        own = shared or listener()
        os.write(write_end, b"x")
        serve(own)
    pids.append(pid)
for _ in pids:
    os.read(ready_end, 1)
if shared:
    # Only the workers serve it, so only they shall own it.
    shared.close()
print(json.dumps(pids), flush=True)
os.wait()

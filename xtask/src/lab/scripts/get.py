"""get.py ADDRESS PORT PATH COUNT PAUSE PATIENCE: COUNT requests, PAUSE seconds from one to the next.

They do not wait for each other. A line of JSON says of each whether it connected, which pid
answered it, and from which port it came.
"""

import json
import socket
import sys
import threading
import time

address, port, path = sys.argv[1], int(sys.argv[2]), sys.argv[3]
count, pause, patience = int(sys.argv[4]), float(sys.argv[5]), float(sys.argv[6])
fates = []


def ask():
    fate = {"connected": False, "pid": None, "port": None}
    fates.append(fate)
    with socket.socket() as client:
        client.bind(("0.0.0.0", 0))
        fate["port"] = client.getsockname()[1]
        client.settimeout(patience)
        try:
            client.connect((address, port))
            fate["connected"] = True
            client.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
            answer = b""
            while chunk := client.recv(4096):
                answer += chunk
            fate["pid"] = int(answer.rsplit(b"\r\n\r\n", 1)[1])
        except (OSError, ValueError, IndexError):
            pass


threads = []
for _ in range(count):
    threads.append(threading.Thread(target=ask))
    threads[-1].start()
    time.sleep(pause)
for thread in threads:
    thread.join()
print(json.dumps(fates), flush=True)

"""connect.py ADDRESS PORT WAVES PAUSE SECONDS: clients that connect, say something, and stay.

WAVES is how many connect at once, PAUSE the seconds between two waves, SECONDS how long they are
watched after the last. Then a line of JSON says what each met; they go when stdin ends.
"""

import json
import select
import socket
import sys
import time

address, port = sys.argv[1], int(sys.argv[2])
waves = [int(word) for word in sys.argv[3].split(",")]
pause, seconds = float(sys.argv[4]), float(sys.argv[5])

clients = []


def watch(until):
    """Follows all clients for so many seconds."""
    deadline = time.monotonic() + until
    while (left := deadline - time.monotonic()) > 0:
        waiting = {it["socket"]: it for it in clients if it["error"] is None}
        writers = [key for key, it in waiting.items() if not it["connected"]]
        readable, writable, _ = select.select(list(waiting), writers, [], min(left, 0.05))
        for key in writable:
            it = waiting[key]
            it["error"] = key.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) or None
            if it["error"] is None:
                it["connected"] = True
                key.send(b"hello\n")
        for key in readable:
            it = waiting[key]
            if it["connected"]:
                try:
                    it["error"] = 0 if key.recv(4096) == b"" else None
                except OSError as error:
                    it["error"] = error.errno


for number, size in enumerate(waves):
    if number:
        watch(pause)
    for _ in range(size):
        client = socket.socket()
        client.setblocking(False)
        client.connect_ex((address, port))
        local = client.getsockname()[1]
        it = {"socket": client, "port": local, "wave": number, "connected": False, "error": None}
        clients.append(it)
watch(seconds)
keys = ("port", "wave", "connected", "error")
print(json.dumps([{key: it[key] for key in keys} for it in clients]), flush=True)
sys.stdin.read()

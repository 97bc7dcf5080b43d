"""listen.py PORT BACKLOG: listens and never accepts."""

import signal
import socket
import sys

port, backlog = map(int, sys.argv[1:])
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(("0.0.0.0", port))
listener.listen(backlog)
print("listening", flush=True)
signal.pause()

"""Labs with web servers and the programs that load them."""

import os
import re
import subprocess
import threading
import time

import kernel
from trace import Trace, listeners, recording
from world import CLIENT, PATIENCE, SERVER, SERVER_ADDRESS, LabError, World, until

NGINX = """worker_processes 1;
daemon off;
pid /run/lab/nginx.pid;
error_log stderr emerg;
events { worker_connections 4096; }
http {
  access_log off;
  keepalive_timeout 0;
  server {
    listen 80 backlog=511;
    location / { return 200 "ok\\n"; }
  }
}
"""


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return [int(word) for word in file.read().split()]


def nginx(world):
    """nginx with its usual backlog; the pids of the master and of its worker."""
    for directory in ("/var/log/nginx", "/var/lib/nginx"):
        os.makedirs(directory, exist_ok=True)
    with open("/run/lab/nginx.conf", "w", encoding="ascii") as file:
        file.write(NGINX)
    shown = "nginx -c nginx.conf   # one worker, listen 80 backlog=511"
    master = world.start(SERVER, ["nginx", "-c", "/run/lab/nginx.conf"], shown)
    until("nginx's listener", lambda: kernel.listener(world, 80))
    return master, until("nginx's worker", lambda: children(master.pid))[0]


class Peak:
    """The longest queue that `ss` shows while it looks again and again."""

    def __init__(self, world, port):
        self.world, self.port = world, port
        self.recv_q, self.send_q, self.looks = 0, 0, 0
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.look)
        self.thread.start()

    def look(self):
        while not self.over.is_set():
            try:
                queue = kernel.listener(self.world, self.port)
            except LabError:
                # The lab has failed elsewhere, and its hosts have gone.
                return
            self.recv_q = max(self.recv_q, queue["recv_q"])
            self.send_q = queue["send_q"]
            self.looks += 1

    def finish(self):
        self.over.set()
        self.thread.join()
        return {"recv_q": self.recv_q, "send_q": self.send_q, "looks": self.looks}


def nginx_wrk(steps):
    return {"rows": [loaded_nginx(steps, cookies) for cookies in (0, 1)]}


def loaded_nginx(steps, cookies):
    with World(steps) as world:
        world.sysctl(tcp_syncookies=cookies, somaxconn=128)
        world.delay(20)
        # Before the server, so that it sees what nginx asks listen() for.
        trace = Trace(world, "--notices", "cookie-sent", "--detail", "300/s")
        nginx(world)
        world.note(SERVER, "watch ss -ltn 'sport = :80'")
        peak = Peak(world, 80)
        before = kernel.counters(world)
        argv = ["wrk", "-t", "4", "-c", "800", "-d", "5s", "--timeout", "5s"]
        said = world.run(CLIENT, [*argv, f"http://{SERVER_ADDRESS}:80/"])
        time.sleep(0.3)
        counters = kernel.moved(world, before)
        queue = peak.finish()
        requests = re.search(r"(\d+) requests in", said)
        if not requests:
            raise LabError(f"wrk said {said!r}")
        requests = int(requests[1])
        mine = listeners(world)
        return {
            "cookies": cookies,
            "peak": queue,
            "requests": requests,
            "counters": counters,
            "listeners": mine,
            "trace": trace.finish(),
        }


# The same with a longer queue: the class has an attribute for it.
LONGER = """import http.server
class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 2048
http.server.test(http.server.SimpleHTTPRequestHandler, Server, port=8001, bind="127.0.0.1")
"""


def ab(port):
    return ["ab", "-q", "-n", "1000", "-c", "10", f"http://127.0.0.1:{port}/"]


def python_server(world, port=8000):
    """Python's own web server, in a directory with one file; with a longer queue at port 8001."""
    argv, shown = ["python3", "-m", "http.server", "--bind", "127.0.0.1", str(port)], True
    if port == 8001:
        argv = ["python3", "-c", LONGER]
        shown = "python3 server.py   # http.server with request_queue_size = 2048, at port 8001"
    os.makedirs("/run/lab/www", exist_ok=True)
    with open("/run/lab/www/index.html", "w", encoding="ascii") as file:
        file.write("<p>hello</p>\n")
    # It says a line for each request.
    server = world.start(SERVER, argv, shown, stdout=subprocess.DEVNULL, cwd="/run/lab/www")
    until("python's listener", lambda: kernel.listener(world, port))
    return server


def ab_figures(said):
    number = lambda label: int((re.search(rf"{label}:\s+(\d+)", said) or [0, -1])[1])
    longest = re.search(r"^Connect:.*\s(\d+)\s*$", said, re.MULTILINE)
    return {
        "complete": number("Complete requests"),
        "failed": number("Failed requests"),
        "longest_connect_ms": int(longest[1]) if longest else -1,
    }


def python_ab(steps):
    with World(steps) as world:
        python_server(world)
        queue = kernel.listener(world, 8000)
        trace = Trace(world)
        before = kernel.counters(world)
        said = world.run(SERVER, ab(8000), patience=120)
        return {
            "ab": ab_figures(said),
            "queue": queue,
            "counters": kernel.moved(world, before),
            "netstat": kernel.lines_of_netstat(world),
            "trace": trace.finish(),
        }


def gate(world, port):
    """The load as a command of `syndrop run`, which fails where anything is dropped."""
    before = kernel.counters(world)
    path = f"/run/lab/run.{port}.ndjson"
    argv = ["syndrop", "run", "--netns", SERVER, "--format", "json", "-o", path, "--", *ab(port)]
    run = world.start(SERVER, argv, shown="syndrop run -- " + " ".join(ab(port)))
    said, _ = run.communicate(timeout=120)
    return {
        "ab": ab_figures(said),
        "status": run.returncode,
        "queue": kernel.listener(world, port),
        "counters": kernel.moved(world, before),
        "trace": recording(path),
    }


def python_ab_2048(steps):
    with World(steps) as world:
        world.sysctl(somaxconn=4096)
        python_server(world, 8000)
        python_server(world, 8001)
        # First as it comes: if that were enough for this load, the longer queue would prove nothing.
        return {"short": gate(world, 8000), "long": gate(world, 8001)}


def memory():
    with open("/proc/meminfo", encoding="ascii") as file:
        rows = dict(line.split(":") for line in file)
    return {name: int(rows[name].split()[0]) // 1024 for name in ("MemTotal", "MemAvailable")}


def silent_syn(steps):
    with World(steps) as world:
        world.sysctl(tcp_syncookies=1, somaxconn=128)
        _, worker = nginx(world)
        world.note(SERVER, "kill -STOP WORKER   # whatever keeps it from calling accept()")
        os.kill(worker, 19)
        fill = ["python3", "/lab/connect.py", SERVER_ADDRESS, "80", ",".join(["1"] * 129), "0", "0.3"]
        shown = f"python3 connect.py {SERVER_ADDRESS} 80 …   # 129 clients, one by one; they stay"
        clients = world.start(CLIENT, fill, shown, stdin=subprocess.PIPE)
        clients.stdout.readline()
        full = kernel.listener(world, 80)
        trace = Trace(world)
        before = kernel.counters(world)
        # As root: the user that it would become is not known here.
        dump = world.start(SERVER, ["tcpdump", "-Z", "root", "-nnli", "wire", "tcp port 80"])
        until("tcpdump's start", lambda: "listening on" in dump.stdout.readline())
        packets = []
        reader = threading.Thread(target=lambda: packets.extend(dump.stdout))
        reader.start()
        url = f"http://{SERVER_ADDRESS}/"
        client = world.start(CLIENT, ["ab", "-q", "-n", "1", "-s", "4", url])
        said = client.communicate(timeout=PATIENCE)[0]
        time.sleep(0.3)
        world.end(dump, 2)
        reader.join()
        return {
            "queue": full,
            "memory_mib": memory(),
            "client": {"status": client.returncode, "said": said.strip()},
            "packets": [line.strip() for line in packets],
            "counters": kernel.moved(world, before),
            "listeners": listeners(world),
            "trace": trace.finish(),
        }


LABS = {
    "nginx-wrk": nginx_wrk,
    "python-ab": python_ab,
    "python-ab-2048": python_ab_2048,
    "silent-syn": silent_syn,
}

"""Labs of the SYN queue: SYNs that nobody answers, with cookies and without."""

import signal
import subprocess
import time

import kernel
from trace import Trace, listeners
from world import CLIENT, SERVER, SERVER_ADDRESS, World, until

# somaxconn, which is the listener's backlog too, and tcp_max_syn_backlog.
ROWS = [(1024, 128), (128, 118), (128, 108), (3, 2), (128, 512), (128, 342), (128, 340), (128, 338)]
# More than any kernel's limit in the rows above.
WITHOUT_COOKIES = 300
FIRST_PORT = 9001


def listen(world, port, backlog):
    """A listener that never accepts."""
    shown = f"python3 listen.py {port} {backlog}   # listen({backlog}), and no accept()"
    server = world.start(SERVER, ["python3", "/lab/listen.py", str(port), str(backlog)], shown)
    assert server.stdout.readline() == "listening\n"
    return server


def syns(world, port, count, shown=None):
    """So many SYNs, one by one, from addresses that will not answer; waits for the last."""
    argv = ["hping3", "-S", "-q", "-p", str(port), "-c", str(count), "-i", "u400", "--rand-source"]
    argv.append(SERVER_ADDRESS)
    before = kernel.counters(world)["TcpInSegs"]
    hping = world.start(CLIENT, argv, shown or True)
    # It waits a second for answers after the last; half-open connections would grow old meanwhile.
    last = [0, time.monotonic()]

    def quiet():
        seen = kernel.counters(world)["TcpInSegs"] - before
        now = time.monotonic()
        if seen != last[0]:
            last[:] = [seen, now]
        return hping.poll() is not None or (seen >= count * 0.8 and now - last[1] > 0.3)

    until("the end of the SYNs", quiet)
    return hping


def row(world, port, somaxconn, max_syn_backlog, count):
    """A listener with these settings under so many SYNs; what the kernel says of it."""
    world.sysctl(somaxconn=somaxconn, tcp_max_syn_backlog=max_syn_backlog)
    listen(world, port, somaxconn)
    predicted = [it for it in listeners(world) if it["bound"]["port"] == port]
    before = kernel.counters(world)
    hping = syns(world, port, count)
    waiting = kernel.in_state(world, SERVER, "syn-recv", port)
    counters = kernel.moved(world, before)
    hping.wait()
    return {
        "port": port,
        "somaxconn": somaxconn,
        "max_syn_backlog": max_syn_backlog,
        "syn_recv": waiting,
        "counters": counters,
        "predicted": predicted[0]["first_syn_dropped"],
    }


def table(steps):
    with World(steps) as world:
        world.sysctl(tcp_syncookies=0)
        trace = Trace(world, "--detail", "all")
        rows = [
            row(world, FIRST_PORT + number, *settings, WITHOUT_COOKIES)
            for number, settings in enumerate(ROWS)
        ]
        return {"rows": rows, "trace": trace.finish()}


def cookies(steps):
    with World(steps) as world:
        world.sysctl(tcp_syncookies=1)
        trace = Trace(world, "--notices", "cookie-sent", "--detail", "all")
        rows = [
            row(world, FIRST_PORT + number, *settings, settings[0] * 5 // 4 + 100)
            for number, settings in enumerate(ROWS)
        ]
        # And what does end it: the listener of the row with the shortest queue, full of connections.
        small = min(rows, key=lambda it: it["somaxconn"])
        port = small["port"]
        argv = ["python3", "/lab/connect.py", SERVER_ADDRESS, str(port), "1,1,1,1", "0.1", "0.3"]
        shown = f"python3 connect.py {SERVER_ADDRESS} {port} …   # 4 clients, one by one; they stay"
        before = kernel.counters(world)
        clients = world.start(CLIENT, argv, shown, stdin=subprocess.PIPE)
        clients.stdout.readline()
        full = kernel.listener(world, port)
        syns(world, port, 40).wait()
        return {
            "rows": rows,
            "full": {"port": port, "queue": full, "counters": kernel.moved(world, before)},
            "trace": trace.finish(),
        }


def backlog_synq(steps):
    rows = []
    with World(steps) as world:
        world.sysctl(tcp_syncookies=1, somaxconn=150, tcp_max_syn_backlog=128)
        trace = Trace(world, "--notices", "cookie-sent", "--detail", "200/s")
        for port, backlog in ((9009, 9), (9200, 200)):
            listen(world, port, backlog)
            before = kernel.counters(world)
            argv = ["hping3", "-S", "-q", "-p", str(port), "--flood", "--rand-source", SERVER_ADDRESS]
            hping = world.start(CLIENT, argv)
            least = 3 * backlog
            until("a flood", lambda: kernel.moved(world, before)["SyncookiesSent"] > least)
            time.sleep(0.5)
            waiting = kernel.in_state(world, SERVER, "syn-recv", port)
            world.end(hping, signal.SIGINT)
            time.sleep(0.1)
            counters = kernel.moved(world, before)
            queue = kernel.listener(world, port)
            row = {"port": port, "backlog": backlog, "syn_recv": waiting, "counters": counters}
            rows.append({**row, "queue": queue})
        return {"rows": rows, "listeners": listeners(world), "trace": trace.finish()}


FILTER = """table ip lab {
  chain input {
    type filter hook input priority 0;
    tcp flags & (syn|ack) == (syn|ack) drop
  }
}
"""


def synq_4(steps):
    with World(steps) as world:
        world.sysctl(tcp_syncookies=0, somaxconn=8, tcp_max_syn_backlog=4)
        listen(world, 8000, 8)
        shown = "nft 'add rule ip lab input tcp flags & (syn|ack) == (syn|ack) drop'"
        world.run(CLIENT, ["nft", "-f", "-"], shown, feed=FILTER)
        trace = Trace(world, "--notices", "synack-retransmit")
        before = kernel.counters(world)
        nmap = ["nmap", "-sS", "-Pn", "-n", "--send-ip", "--max-retries", "1", "-p", "8000"]
        looks = []
        shown = "while true; do nmap -sS -Pn -n --send-ip --max-retries 1 -p 8000 10.9.0.1; done"
        for _ in range(9):
            said = world.run(CLIENT, [*nmap, "-oG", "-", SERVER_ADDRESS], shown)
            state = "open" if "8000/open" in said else "filtered" if "8000/filtered" in said else "?"
            waiting = kernel.in_state(world, SERVER, "syn-recv", 8000)
            drops = kernel.moved(world, before)["ListenDrops"]
            looks.append({"nmap": state, "syn_recv": waiting, "listen_drops": drops})
        return {
            "looks": looks,
            "counters": kernel.moved(world, before),
            "listeners": listeners(world),
            "trace": trace.finish(),
        }


LABS = {
    "synq-table": table,
    "synq-cookies": cookies,
    "backlog-synq": backlog_synq,
    "synq-4": synq_4,
}

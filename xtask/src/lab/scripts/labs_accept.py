"""Labs of the accept queue: servers that listen and do not accept."""

import json
import subprocess

import kernel
from labs_syn import listen
from trace import Trace, listeners
from world import CLIENT, SERVER, SERVER_ADDRESS, World

PORT = 8000


def connect(world, port, waves, pause, seconds):
    """Clients that connect, say hello and stay; waits until they have been watched so long."""
    argv = ["python3", "/lab/connect.py", SERVER_ADDRESS, str(port), ",".join(map(str, waves))]
    argv += [str(pause), str(seconds)]
    how = "one by one" if set(waves) == {1} else " + ".join(map(str, waves)) + " at a time"
    shown = f"python3 connect.py {SERVER_ADDRESS} {port} …   # {sum(waves)} clients, {how}; each says "
    shown += "hello and stays"
    clients = world.start(CLIENT, argv, shown, stdin=subprocess.PIPE)
    return json.loads(clients.stdout.readline())


def ten_clients(steps, **settings):
    """Ten clients of a server with backlog 5; a network's delay lets their handshakes overlap."""
    with World(steps) as world:
        world.sysctl(**settings)
        listen(world, PORT, 5)
        world.delay(30)
        trace = Trace(world, "--notices", "synack-retransmit")
        before = kernel.counters(world)
        # Four get in, four finish their handshakes at once with room for two, two come late.
        clients = connect(world, PORT, (4, 4, 2), 0.4, 3.6)
        return {
            "clients": clients,
            "client_sockets": kernel.sockets(world, CLIENT),
            "server_sockets": kernel.sockets(world, SERVER),
            "queue": kernel.listener(world, PORT),
            "counters": kernel.moved(world, before),
            "trace": trace.finish(),
        }


def go_noaccept(steps):
    return ten_clients(steps, tcp_syncookies=1, tcp_abort_on_overflow=0)


def abort_on_overflow(steps):
    return ten_clients(steps, tcp_syncookies=1, tcp_abort_on_overflow=1)


def backlog_plus_one(steps):
    with World(steps) as world:
        trace = Trace(world)
        before = kernel.counters(world)
        rows = []
        for port, somaxconn in ((8005, 128), (8003, 3)):
            world.sysctl(somaxconn=somaxconn)
            listen(world, port, 5)
            clients = connect(world, port, [1] * 10, 0.03, 0.2)
            rows.append(
                {
                    "port": port,
                    "somaxconn": somaxconn,
                    "connected": sum(it["connected"] for it in clients),
                    "established": kernel.in_state(world, SERVER, "established", port),
                    "syn_sent": kernel.in_state(world, CLIENT, "syn-sent", port),
                    "queue": kernel.listener(world, port),
                }
            )
        return {
            "rows": rows,
            "listeners": listeners(world),
            "counters": kernel.moved(world, before),
            "trace": trace.finish(),
        }


def acceptq_9(steps):
    with World(steps) as world:
        world.sysctl(tcp_syncookies=0, somaxconn=8, tcp_max_syn_backlog=4)
        listen(world, PORT, 8)
        trace = Trace(world)
        before = kernel.counters(world)
        clients = connect(world, PORT, [1] * 10, 0.05, 7.5)
        return {
            "clients": clients,
            "established": kernel.in_state(world, SERVER, "established", PORT),
            "syn_sent": kernel.in_state(world, CLIENT, "syn-sent", PORT),
            "client_sockets": kernel.sockets(world, CLIENT),
            "queue": kernel.listener(world, PORT),
            "netstat": kernel.listener_of_netstat(world, PORT),
            "counters": kernel.moved(world, before),
            "trace": trace.finish(),
        }


def workers(world, port, how):
    """Three workers of one port, each with a listener of its own or with one that they share."""
    says = "each its own listener" if how == "reuseport" else "one listener"
    shown = f"python3 workers.py {port} {how}   # three processes, {says}, backlog 5"
    server = world.start(SERVER, ["python3", "/lab/workers.py", str(port), how], shown)
    return json.loads(server.stdout.readline())


def get(world, port, path, count, pause, patience):
    """Clients that ask for a path; how each fared."""
    argv = ["python3", "/lab/get.py", SERVER_ADDRESS, str(port), path, str(count), str(pause)]
    argv.append(str(patience))
    shown = f"python3 get.py {SERVER_ADDRESS} {port} {path} …   # {count} of them, {pause} s apart"
    return json.loads(world.run(CLIENT, argv, shown))


def stuck_worker(steps):
    with World(steps) as world:
        world.sysctl(tcp_syncookies=1, somaxconn=128)
        trace = Trace(world)
        rows = []
        for port, how in ((8001, "reuseport"), (8002, "shared")):
            pids = workers(world, port, how)
            before = kernel.counters(world)
            healthy = get(world, port, "/", 12, 0.03, 3)
            calm = kernel.moved(world, before)
            stuck = get(world, port, "/stuck", 1, 0, 0.5)[0]
            answers = get(world, port, "/", 60, 0.03, 1.5)
            mine = [it for it in listeners(world) if it["bound"]["port"] == port]
            rows.append(
                {
                    "port": port,
                    "how": how,
                    "pids": pids,
                    "healthy": healthy,
                    "calm": calm,
                    "stuck": stuck,
                    "stuck_pid": int(open(f"/run/lab/stuck.{port}", encoding="ascii").read()),
                    "answers": answers,
                    "listeners": mine,
                    "counters": kernel.moved(world, before),
                }
            )
        return {"rows": rows, "trace": trace.finish()}


LABS = {
    "go-noaccept": go_noaccept,
    "abort-on-overflow": abort_on_overflow,
    "backlog-plus-one": backlog_plus_one,
    "acceptq-9": acceptq_9,
    "stuck-worker": stuck_worker,
}

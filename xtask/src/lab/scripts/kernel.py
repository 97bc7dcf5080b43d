"""What the kernel itself says: counters by nstat, sockets by ss."""

import json
import re

from world import SERVER

COUNTERS = (
    "TcpExtListenOverflows",
    "TcpExtListenDrops",
    "TcpExtTCPReqQFullDrop",
    "TcpExtTCPReqQFullDoCookies",
    "TcpExtSyncookiesSent",
    "TcpExtSyncookiesRecv",
    "TcpInSegs",
)


def counters(world):
    """The server's counters, as they stand."""
    said = world.run(SERVER, ["nstat", "-asjz"], shown=False)
    all_of_them = json.loads(said)["kernel"]
    return {name.removeprefix("TcpExt"): all_of_them[name] for name in COUNTERS}


def moved(world, before):
    """How far they moved since then."""
    return {name: value - before[name] for name, value in counters(world).items()}


def listener(world, port):
    """Recv-Q and Send-Q of one listener."""
    said = world.run(SERVER, ["ss", "-Hltn", f"sport = :{port}"], shown=False)
    for line in said.splitlines():
        words = line.split()
        return {"recv_q": int(words[1]), "send_q": int(words[2])}
    return None


def listener_of_netstat(world, port):
    """Recv-Q and Send-Q of one listener, as netstat has them."""
    for line in world.run(SERVER, ["netstat", "-ltn"]).splitlines():
        words = line.split()
        if len(words) > 3 and words[3].endswith(f":{port}"):
            return {"recv_q": int(words[1]), "send_q": int(words[2])}
    return None


def lines_of_netstat(world):
    """The two lines of `netstat -s` about listeners, which count since the namespace began."""
    said = world.run(SERVER, ["netstat", "-s"], "netstat -s | grep -i listen").splitlines()
    wanted = ("listen queue of a socket overflowed", "to LISTEN sockets")
    return [line.strip() for part in wanted for line in said if part in line]


def sockets(world, host, *condition):
    """Sockets that are no listeners, with what TCP knows of each."""
    argv = ["ss", "-HOtnai", "state", "all", "exclude", "listening", *condition]
    found = []
    for line in world.run(host, argv, shown=False).splitlines():
        state, recv_q, send_q, local, peer, *rest = line.split()
        info = " ".join(rest)
        number = lambda name: int((re.search(rf"\b{name}:(\d+)", info) or [0, 0])[1])
        found.append(
            {
                "state": state,
                "local_port": int(local.rsplit(":", 1)[1]),
                "peer_port": int(peer.rsplit(":", 1)[1]),
                "send_q": int(send_q),
                "unacked": number("unacked"),
                "backoff": number("backoff"),
                "retrans": int((re.search(r"\bretrans:\d+/(\d+)", info) or [0, 0])[1]),
            }
        )
    return found


def in_state(world, host, state, port):
    """How many sockets of this port are in the state, as `ss` calls it."""
    side = "sport" if host == SERVER else "dport"
    argv = ["ss", "-Htna", "state", state, f"{side} = :{port}"]
    return len(world.run(host, argv, shown=False).splitlines())

"""Two hosts in one guest: a server and a client, each a network namespace, and a wire between.

What is run on either is kept as a person would type it, so that the lab can show its own steps.
Whatever is started here ends with the world.
"""

import os
import shlex
import signal
import subprocess
import time

SERVER, CLIENT = "server", "client"
SERVER_ADDRESS, CLIENT_ADDRESS = "10.9.0.1", "10.9.0.2"
PATIENCE = 40

NAMESPACES = """netns add server
netns add client
link add wire netns server type veth peer name wire netns client
"""
# Whoever is not the client lives behind it, so that SYN-ACKs to forged addresses go somewhere.
ADDRESSES = {
    SERVER: "link set lo up\nlink set wire up\naddr add 10.9.0.1/24 dev wire\n"
    "route add default via 10.9.0.2\n",
    CLIENT: "link set lo up\nlink set wire up\naddr add 10.9.0.2/24 dev wire\n",
}


class LabError(Exception):
    """Something that the lab needs did not happen."""


def run(argv, feed=None, ok=(0,), patience=PATIENCE):
    """Runs to the end and returns stdout; another status than those is an error."""
    done = subprocess.run(argv, input=feed, text=True, capture_output=True, timeout=patience)
    if done.returncode not in ok:
        raise LabError(f"{shlex.join(argv)} ended with {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def until(what, look):
    """Waits until `look` gives something true, and returns it."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        seen = look()
        if seen:
            return seen
        time.sleep(0.02)
    raise LabError(f"{what} did not happen within {PATIENCE} s")


class World:
    """The two hosts; made anew for each lab, or for each part of one."""

    def __init__(self, steps):
        self.steps = steps
        self.started = []
        run(["ip", "-batch", "-"], NAMESPACES)
        for host, batch in ADDRESSES.items():
            run(["ip", "-netns", host, "-batch", "-"], batch)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.started:
            self.end(process)
        for host in (SERVER, CLIENT):
            run(["ip", "netns", "delete", host])

    def note(self, host, line):
        """Keeps a line of what is done, once."""
        step = f"{host}# {line}"
        if step not in self.steps:
            self.steps.append(step)

    def sysctl(self, **settings):
        """Sets what the server's kernel is told; `_` between the words of a name, as in /proc."""
        names = {"somaxconn": "net.core.somaxconn"}
        words = [f"{names.get(name, 'net.ipv4.' + name)}={value}" for name, value in settings.items()]
        self.note(SERVER, "sysctl -w " + " ".join(words))
        run(["ip", "netns", "exec", SERVER, "sysctl", "-w", *words])
        for word in words:
            name, value = word.split("=")
            path = "/proc/sys/" + name.replace(".", "/")
            if run(["ip", "netns", "exec", SERVER, "cat", path]).strip() != value:
                raise LabError(f"{name} did not become {value}")

    def delay(self, milliseconds):
        """A network's delay on the way to the client, so that handshakes take time as in real life."""
        line = f"tc qdisc add dev wire root netem delay {milliseconds}ms limit 20000"
        self.note(SERVER, line)
        run(["ip", "netns", "exec", SERVER, *line.split()])

    def run(self, host, argv, shown=True, **options):
        """Runs on a host to the end and returns stdout."""
        if shown:
            self.note(host, shown if isinstance(shown, str) else shlex.join(argv))
        return run(["ip", "netns", "exec", host, *argv], **options)

    def start(self, host, argv, shown=True, **options):
        """Starts on a host, in a process group of its own."""
        if shown:
            self.note(host, shown if isinstance(shown, str) else shlex.join(argv))
        options.setdefault("stdin", subprocess.DEVNULL)
        options.setdefault("stdout", subprocess.PIPE)
        options.setdefault("stderr", subprocess.STDOUT)
        command = ["ip", "netns", "exec", host, *argv]
        process = subprocess.Popen(command, text=True, start_new_session=True, **options)
        self.started.append(process)
        return process

    def end(self, process, how=signal.SIGKILL):
        """Ends it and all that it started, and waits for it."""
        try:
            os.killpg(process.pid, how)
            if how != signal.SIGINT:
                # Whoever was stopped does not even die otherwise.
                os.killpg(process.pid, signal.SIGCONT)
        except ProcessLookupError:
            pass
        return process.wait(PATIENCE)

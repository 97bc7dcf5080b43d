"""Plays labs one after the other, each in a world of its own, and reports facts as JSON lines.

Nothing is judged here. What a lab leaves running is reported with its facts.
"""

import json
import os
import signal
import sys
import time
import traceback

import labs_accept
import labs_syn
import labs_web
from world import LabError

LABS = {**labs_syn.LABS, **labs_accept.LABS, **labs_web.LABS}
LIMIT = 240


def processes():
    """Processes with a command line; those of the kernel have none."""
    found = {}
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) not in (1, os.getpid()):
            try:
                with open(f"/proc/{name}/cmdline", "rb") as file:
                    line = file.read().replace(b"\0", b" ").decode(errors="replace").strip()
            except OSError:
                continue
            if line:
                found[int(name)] = line
    return found


def too_long(*_):
    raise TimeoutError(f"the lab did not end within {LIMIT} s")


def play(name):
    """One lab; an error is reported as such."""
    report = {"lab": name, "kernel": os.uname().release, "steps": []}
    before = processes()
    started = time.monotonic()
    signal.signal(signal.SIGALRM, too_long)
    signal.alarm(LIMIT)
    try:
        report["facts"] = LABS[name](report["steps"])
    except Exception as error:
        report["error"] = f"{type(error).__name__}: {error}"
        if not isinstance(error, (LabError, TimeoutError)):
            traceback.print_exc()
    finally:
        signal.alarm(0)
    for _ in range(50):
        left = [line for pid, line in processes().items() if pid not in before]
        if not left and not os.listdir("/run/netns"):
            break
        time.sleep(0.1)
    report["left"] = left + [f"namespace {name}" for name in os.listdir("/run/netns")]
    report["seconds"] = round(time.monotonic() - started, 1)
    print(json.dumps(report), flush=True)


if __name__ == "__main__":
    for directory in ("/run/netns", "/run/lab"):
        os.makedirs(directory, exist_ok=True)
    for lab in sys.argv[1:]:
        play(lab)

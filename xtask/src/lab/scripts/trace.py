"""syndrop beside a lab: its JSON is what the lab is judged by, its text what a person is shown."""

import json
import os
import signal
import subprocess
import threading

from world import PATIENCE, SERVER, LabError, run

DIRECTORY = "/run/lab"
ATTACHED = "Tracing"


class Trace:
    """A running `syndrop trace` of the server's namespace."""

    def __init__(self, world, *options):
        os.makedirs(DIRECTORY, exist_ok=True)
        self.path = f"{DIRECTORY}/trace.ndjson"
        argv = ["syndrop", "trace", "--netns", SERVER, *options, "--json", "-o", self.path]
        shown = argv[:-3]
        world.note("guest", " ".join(shown))
        self.process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True
        )
        world.started.append(self.process)
        self.said = []
        attached = threading.Event()

        def read():
            for line in self.process.stderr:
                self.said.append(line)
                if ATTACHED in line:
                    attached.set()

        self.reader = threading.Thread(target=read, daemon=True)
        self.reader.start()
        if not attached.wait(PATIENCE):
            raise LabError(f"syndrop does not trace: {''.join(self.said)}")

    def finish(self):
        """Interrupts it as Ctrl-C would; what it recorded, and the same as text."""
        self.process.send_signal(signal.SIGINT)
        status = self.process.wait(PATIENCE)
        self.reader.join(PATIENCE)
        if status != 0:
            raise LabError(f"syndrop ended with {status}: {''.join(self.said)}")
        return recording(self.path)


def recording(path):
    """The lines of a recording, and what they look like to a person."""
    with open(path, encoding="utf-8") as file:
        lines = [json.loads(line) for line in file]
    return {"lines": lines, "text": run(["syndrop", "replay", path])}


def listeners(world):
    """What `syndrop listeners` says of every listener of the server."""
    said = world.run(SERVER, ["syndrop", "listeners", "--json"], shown=False)
    rows = [json.loads(line) for line in said.splitlines()]
    return [row for row in rows if row["type"] == "listener"]

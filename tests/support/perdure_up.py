"""``perdure up`` as a process in a folder."""

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.binaries import binary
from tests.support.command_line import perdure, printed
from tests.support.ports import give_ports


@contextmanager
def running(folder: Path, *, ended_by: signal.Signals = signal.SIGINT) -> Iterator[subprocess.Popen[str]]:
    """Run ``perdure up`` in ``folder`` with ports of its own, from when its services are ready."""
    if not (folder / ".perdure").exists():
        give_ports(folder / ".perdure")
    up = subprocess.Popen([binary("perdure"), "up", "--json"], cwd=folder, stdout=subprocess.PIPE, text=True)
    try:
        assert up.stdout is not None
        for line in up.stdout:
            if "services" in json.loads(line):
                break
        yield up
    finally:
        up.send_signal(ended_by)
        up.wait(40)
        assert up.stdout is not None
        up.stdout.close()


def waiting_request(folder: Path) -> str:
    """Return the ID of the first open approval request, waiting up to a minute for one."""
    for _ in range(300):
        if requests := printed(perdure(folder, "approvals", "list", "--json")):
            return str(requests[0]["request_id"])
        time.sleep(0.1)
    raise AssertionError("no approval was asked for")

"""``perdure up`` as a process in a folder."""

import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.binaries import binary
from tests.support.command_line import perdure, printed
from tests.support.ports import give_ports


@contextmanager
def running(folder: Path, *options: str, ended_by: signal.Signals = signal.SIGINT) -> Iterator[subprocess.Popen[str]]:
    """Run ``perdure up`` in ``folder`` with ports of its own, from when its services are ready."""
    if not (folder / ".perdure").exists():
        give_ports(folder / ".perdure")
    with starting(folder, *options, ended_by=ended_by) as up:
        wait_until_up(up)
        yield up


@contextmanager
def starting(folder: Path, *options: str, ended_by: signal.Signals = signal.SIGINT) -> Iterator[subprocess.Popen[str]]:
    """Run ``perdure up`` in ``folder``, from its first moment."""
    command = [binary("perdure"), "up", "--json", *options]
    up = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True)
    try:
        yield up
    finally:
        up.send_signal(ended_by)
        up.wait(40)
        assert up.stdout is not None
        up.stdout.close()


def wait_until_up(up: subprocess.Popen[str]) -> None:
    """Wait until all services of a starting suite are ready."""
    next_event(up, lambda event: "services" in event)


def next_event(up: subprocess.Popen[str], matches: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Return the next matching line of ``perdure up --json``."""
    assert up.stdout is not None
    for line in up.stdout:
        event: dict[str, Any] = json.loads(line)
        if matches(event):
            return event
    raise AssertionError("perdure up has ended")


def waiting_request(folder: Path) -> str:
    """Return the ID of the first open approval request, waiting up to a minute for one."""
    for _ in range(300):
        if requests := printed(perdure(folder, "approvals", "list", "--json")):
            return str(requests[0]["request_id"])
        time.sleep(0.1)
    raise AssertionError("no approval was asked for")


def decide(folder: Path, verb: str, request: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Look at an open request, and decide the one that was seen, as a script does."""
    (shown,) = printed(perdure(folder, "approvals", "show", request, "--json"))
    return perdure(folder, verb, request, "--digest", str(shown["digest"]), *options)

"""A process that locks a state folder, as the suite of another terminal would."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from perdure.local.state import Endpoints

_HOLDER: Final = """
import os
import sys
from pathlib import Path
from perdure.local.state import Endpoints, State

state = State(Path(sys.argv[1]))
with state.locked():
    state.write_endpoints(Endpoints.model_validate_json(sys.argv[2]).model_copy(update={"pid": os.getpid()}))
    print("locked", flush=True)
    sys.stdin.read()
"""


def endpoints(pid: int) -> Endpoints:
    return Endpoints(pid=pid, nats="nats://127.0.0.1:4222", temporal="127.0.0.1:7233", services={}, pids={"nats": 7})


@contextmanager
def another_suite(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Run a process that locks the folder and writes endpoints with its process id."""
    written = endpoints(0).model_dump_json()
    command = [sys.executable, "-c", _HOLDER, str(folder), written]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "locked\n"
        yield holder
        holder.kill()

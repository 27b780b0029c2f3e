"""Runs ``perdure`` in a process of its own, without the second that importing its libraries takes.

Each call is forked from a server process that has imported them. The first call starts the server; it ends with its
parent.
"""

import asyncio
import json
import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from perdure.config.project import CONFIG_VARIABLE, DEFAULT_FILE
from perdure.values.run_id import default_run_id

__all__ = ["perdure", "perdure_of", "printed", "published_run", "wait_until_begun"]

_TIMEOUT: Final = 120  # seconds
_FORKS: Final = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(
    ["perdure.local.suite", "perdure.telemetry.tracing", "perdure.verify.sources", "perdure_ingest.dry_run", "typer"]
)


def perdure(
    folder: Path, *arguments: str, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run ``perdure`` in this folder and wait for its end.

    Args:
        folder: The working directory.
        arguments: The arguments of the command line.
        environment: Variables beside those of this process.
    """
    with TemporaryDirectory() as output:
        out, err = Path(output, "out"), Path(output, "err")
        process = _FORKS.Process(
            target=_call, args=(folder, arguments, {**os.environ, **(environment or {})}, out, err), daemon=True
        )
        process.start()
        process.join(_TIMEOUT)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise TimeoutError(f"perdure {' '.join(arguments)} has not ended; its output: {out.read_text()}")
        return subprocess.CompletedProcess(arguments, process.exitcode, out.read_text(), err.read_text())


async def perdure_of(state: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run ``perdure`` from an empty folder, for the suite of this state folder."""
    with TemporaryDirectory() as elsewhere:
        environment = {"PERDURE_STATE": str(state)}
        if (file := state.parent / DEFAULT_FILE).exists():
            environment[CONFIG_VARIABLE] = str(file)
        return await asyncio.to_thread(perdure, Path(elsewhere), *arguments, environment=environment)


def printed(completed: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    """Parse the output of a command that succeeded with ``--json``."""
    assert completed.returncode == 0, completed.stderr
    return [json.loads(line) for line in completed.stdout.splitlines()]


def published_run(route: str, event_id: str) -> str:
    """Return the id of the run that a route starts for an event of ``perdure publish``."""
    return default_run_id(route, event_id, "perdure/cli")


def wait_until_begun(folder: Path, run: str) -> None:
    """Wait until `perdure runs show` knows a run: before, nothing has an id that a route's `workflow_id` makes."""
    for _ in range(300):
        if perdure(folder, "runs", "show", run).returncode == 0:
            return
        time.sleep(0.1)
    raise AssertionError(f"{run} has not begun")


def _call(folder: Path, arguments: Sequence[str], environment: Mapping[str, str], out: Path, err: Path) -> None:
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    for descriptor, file in ((1, out), (2, err)):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT), descriptor)
    sys.argv = ["perdure", *arguments]

    from perdure.cli.app import main  # noqa: PLC0415 (its import inspects standard output)

    main()

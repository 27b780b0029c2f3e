"""``perdure`` as its user calls it, a process of its own, without the second that its libraries take to be read.

Each call is forked from a process that has read them. The first call starts that process; it ends with its parent.
"""

import asyncio
import json
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

__all__ = ["perdure", "perdure_of", "printed"]

_LONGEST: Final = 120  # seconds
_FORKS: Final = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(
    ["perdure.local.suite", "perdure.telemetry.tracing", "perdure.verify.sources", "perdure_ingest.dry_run", "typer"]
)


def perdure(
    folder: Path, *arguments: str, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Call it in this folder, and wait until it has ended.

    Args:
        environment: What it gets beside this process's own environment.
    """
    with TemporaryDirectory() as said:
        out, err = Path(said, "out"), Path(said, "err")
        process = _FORKS.Process(
            target=_call, args=(folder, arguments, {**os.environ, **(environment or {})}, out, err), daemon=True
        )
        process.start()
        process.join(_LONGEST)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise TimeoutError(f"perdure {' '.join(arguments)} has not ended; it said: {out.read_text()}")
        return subprocess.CompletedProcess(arguments, process.exitcode, out.read_text(), err.read_text())


async def perdure_of(state: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Call it from somewhere else, for the suite of this state folder."""
    with TemporaryDirectory() as elsewhere:
        environment = {"PERDURE_STATE": str(state)}
        return await asyncio.to_thread(perdure, Path(elsewhere), *arguments, environment=environment)


def printed(answer: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    """Read what a command said with ``--json``."""
    assert answer.returncode == 0, answer.stderr
    return [json.loads(line) for line in answer.stdout.splitlines()]


def _call(folder: Path, arguments: Sequence[str], environment: Mapping[str, str], out: Path, err: Path) -> None:
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    for descriptor, file in ((1, out), (2, err)):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT), descriptor)
    sys.argv = ["perdure", *arguments]

    from perdure.cli.app import main  # noqa: PLC0415 (it looks at its standard output as it is read)

    main()

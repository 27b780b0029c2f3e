"""Asks the user's workflow modules for what they define, in a process of its own: they may do anything on import."""

import asyncio
import sys
from typing import Final

from perdure.config.project import project_folder
from perdure.errors import SetupError

__all__ = ["registered_workflows"]

_PROGRAM: Final = "perdure_orchestrator.workflow_names"
_ENDS_WITHIN: Final = 30.0  # seconds


async def registered_workflows() -> list[str]:
    """Return the names of all registered workflows, of the configuration as it is now.

    Raises:
        SetupError: A module cannot be imported, or its import does not end.
    """
    reading = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        _PROGRAM,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=project_folder(),
    )
    try:
        async with asyncio.timeout(_ENDS_WITHIN):
            output, errors = await reading.communicate()
    except TimeoutError as error:
        raise SetupError(
            f"The workflow modules are not imported within {_ENDS_WITHIN:.0f} s: what do they do at their top level?"
        ) from error
    finally:
        if reading.returncode is None:
            reading.kill()
            await reading.wait()
    if reading.returncode != 0:
        raise SetupError(errors.decode(errors="replace").strip())
    return output.decode().splitlines()

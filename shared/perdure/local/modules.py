"""Asks the user's workflow modules for what they define, in a process of its own: they may do anything on import."""

from typing import Final

from perdure.errors import SetupError
from perdure.local.own_program import run_own_program

__all__ = ["registered_workflows"]

_PROGRAM: Final = "perdure_orchestrator.workflow_names"
_ENDS_WITHIN: Final = 30.0  # seconds


async def registered_workflows() -> list[str]:
    """Return the names of all registered workflows, of the configuration as it is now.

    Raises:
        SetupError: A module cannot be imported, or its import does not end.
    """
    try:
        ended = await run_own_program(_PROGRAM, within=_ENDS_WITHIN)
    except TimeoutError as error:
        raise SetupError(
            f"The workflow modules are not imported within {_ENDS_WITHIN:.0f} s: what do they do at their top level?"
        ) from error
    if ended.code != 0:
        raise SetupError(ended.errors.decode(errors="replace").strip())
    return ended.output.decode().splitlines()

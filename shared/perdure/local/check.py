"""Checks a configuration and the code that it names before any server starts, by the check of each service.

This process imports no service and none of the user's code; a program of its own does what they do at their start.
"""

from typing import Final

from pydantic import ValidationError

from perdure.config.problem import InvalidConfiguration, Problem
from perdure.config.settings import Settings
from perdure.local.own_program import run_own_program

__all__ = ["check_configuration", "refuse_problems"]

_PROGRAM: Final = "perdure.runtime.check"
_WITHIN: Final = 120.0  # seconds; a module that takes longer to import, even on a busy machine, does not return


async def refuse_problems(settings: Settings) -> list[Problem]:
    """Check the configuration, and return the warnings.

    Raises:
        InvalidConfiguration: Something is wrong with it.
    """
    found = await check_configuration(settings)
    if problems := [problem for problem in found if not problem.is_warning]:
        heading = f"Nothing was started. {len(problems)} problems:" if len(problems) > 1 else ""
        raise InvalidConfiguration(*problems, heading=heading)
    return found


async def check_configuration(settings: Settings) -> list[Problem]:
    """Return everything that would keep a service from starting, or an event from being processed."""
    environment = {"PERDURE_STATE": str(settings.state)}
    try:
        ended = await run_own_program(_PROGRAM, *_checks(settings), within=_WITHIN, environment=environment)
    except TimeoutError:
        return [Problem(what=f"The check has not ended after {_WITHIN:g} s: a module waits while it is imported.")]
    try:
        problems = [Problem.model_validate_json(line) for line in ended.output.splitlines()]
    except ValidationError:
        problems = []
    if ended.code != 0:
        problems.append(Problem(what=f"The check ended with {ended.code}: {_last_line(ended.errors)}"))
    return problems


def _checks(settings: Settings) -> list[str]:
    """Return the checks that have something to check; that of the user's code, which may end its process, is last."""
    needed = {
        "perdure_ingest.check": bool(settings.routes),
        "perdure_notifier.check": bool(settings.notifier.channels),
        "perdure_orchestrator.check": True,
    }
    return [module for module, is_needed in needed.items() if is_needed]


def _last_line(errors: bytes) -> str:
    lines = errors.decode(errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "no output")

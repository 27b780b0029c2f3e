"""The gate: replays every open run against the code of this process, in a process of its own."""

from typing import Final

from perdure.errors import SetupError, Unavailable
from perdure.local.own_program import own_program_lines
from perdure.values.replay import ReplayMessage, ReplayRequest, RunReplay

__all__ = ["replay_open_runs"]

_PROGRAM: Final = "perdure_orchestrator.replay"


async def replay_open_runs() -> list[RunReplay]:
    """Return what came of the replay of each open run.

    Raises:
        SetupError: The code or the configuration cannot be loaded.
        Unavailable: A server does not answer.
    """
    request = ReplayRequest(source="open").model_dump_json()
    found: list[RunReplay] = []
    async with own_program_lines(_PROGRAM, request, environment={}) as lines:
        async for line in lines:
            message = ReplayMessage.model_validate_json(line)
            if message.error is not None and message.kind == "not_found":
                return []  # no run is open
            if message.error is not None:
                raise (Unavailable if message.kind == "unreachable" else SetupError)(message.error)
            if message.run is not None:
                found.append(message.run)
    return found

"""Runs that have ended make room: heard of on the bus, and looked for where nobody may have listened."""

from collections.abc import Awaitable, Callable
from typing import Final

from pydantic import ValidationError

from perdure.bus import Bus, decode
from perdure.contracts import ENDINGS, DeadLetter, Progress, StartWorkflow, to_token

__all__ = ["given_up", "has_ended", "listen_for_endings"]

_REPETITIONS: Final = {"duplicate_id", "run_exists"}  # the run of this id is another one, and may be open


async def listen_for_endings(bus: Bus, workflow: str, ended: Callable[[str], Awaitable[None]]) -> None:
    """Tell of each run of a workflow that ends from now on, by its workflow id, for ever."""
    async for heard in bus.subscribe(f"progress.{to_token(workflow)}.*"):
        fact = decode(heard.raw)
        if isinstance(fact, Progress) and fact.kind in ENDINGS:
            await ended(fact.workflow_id)


async def has_ended(bus: Bus, workflow: str, run: str) -> bool:
    """Tell whether a run ever said that it has ended.

    Raises:
        Unavailable: NATS does not answer.
    """
    async for heard in bus.read(f"progress.{to_token(workflow)}.{to_token(run)}"):
        fact = decode(heard.raw)
        if isinstance(fact, Progress) and fact.kind in ENDINGS:
            return True
    return False


def given_up(letter: DeadLetter) -> StartWorkflow | None:
    """Return the start that a dead letter tells will not happen."""
    if not letter.original_subject.startswith("commands.start.") or letter.reason in _REPETITIONS:
        return None
    try:
        return StartWorkflow.model_validate_json(letter.body or b"")
    except ValidationError:
        return None  # not even that can be read: it never took room

"""Runs that have ended, and starts that will not happen: both free a slot of their route."""

from collections.abc import Awaitable, Callable
from typing import Final

from pydantic import ValidationError

from perdure.bus import Bus, decode
from perdure.contracts import ENDINGS, DeadLetter, Progress, StartWorkflow, to_token

__all__ = ["dead_lettered_start", "has_ended", "watch_endings"]

_REPETITIONS: Final = {"duplicate_id", "run_exists"}  # the run of this id is another one, and may be open


async def watch_endings(bus: Bus, workflow: str, on_ending: Callable[[str], Awaitable[None]]) -> None:
    """Call back with the workflow id of each run of a workflow that ends from now on; never returns."""
    async for message in bus.subscribe(f"progress.{to_token(workflow)}.*"):
        fact = decode(message.raw)
        if isinstance(fact, Progress) and fact.kind in ENDINGS:
            await on_ending(fact.workflow_id)


async def has_ended(bus: Bus, workflow: str, run: str) -> bool:
    """Return whether the run's progress holds an ending.

    Raises:
        Unavailable: NATS does not answer.
    """
    async for message in bus.read(f"progress.{to_token(workflow)}.{to_token(run)}"):
        fact = decode(message.raw)
        if isinstance(fact, Progress) and fact.kind in ENDINGS:
            return True
    return False


def dead_lettered_start(dead_letter: DeadLetter) -> StartWorkflow | None:
    """Return the start that will not happen because of this dead letter, if there is one."""
    if not dead_letter.original_subject.startswith("commands.start.") or dead_letter.reason in _REPETITIONS:
        return None
    try:
        return StartWorkflow.model_validate_json(dead_letter.body or b"")
    except ValidationError:
        return None  # the orchestrator could not read it either, so it never took a slot

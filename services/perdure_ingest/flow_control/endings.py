"""Runs that have ended, and starts that will not happen: both free a slot of their route."""

import logging
from collections.abc import Awaitable, Callable
from typing import Final

from pydantic import ValidationError

from perdure.bus import Bus, StoredMessage, decode
from perdure.contracts import ENDINGS, DeadLetter, Progress, StartWorkflow, to_token
from perdure.errors import InvalidMessage, Unavailable

__all__ = ["dead_lettered_start", "has_ended", "watch_endings"]

_log = logging.getLogger(__name__)

_REPETITIONS: Final = {"duplicate_id", "run_exists"}  # the run of this id is another one, and may be open


async def watch_endings(bus: Bus, workflow: str, on_ending: Callable[[str], Awaitable[None]]) -> None:
    """Call back with the workflow id of each run of a workflow that ends from now on; never returns."""
    async for message in bus.subscribe(f"progress.{to_token(workflow)}.*"):
        if (ending := _ending(message)) is not None:
            try:
                await on_ending(ending.workflow_id)
            except Unavailable as error:  # whoever looks for missed endings finds this one
                _log.warning("cannot free the slot of %s now: %s", ending.workflow_id, error)


async def has_ended(bus: Bus, workflow: str, run: str) -> bool:
    """Return whether the run's progress holds an ending.

    Raises:
        Unavailable: NATS does not answer.
    """
    async for message in bus.read(f"progress.{to_token(workflow)}.{to_token(run)}"):
        if _ending(message) is not None:
            return True
    return False


def _ending(message: StoredMessage) -> Progress | None:
    """Return the ending that a message holds; None for other facts, and for what is not progress."""
    try:
        fact = decode(message.raw)
    except InvalidMessage:
        return None
    return fact if isinstance(fact, Progress) and fact.kind in ENDINGS else None


def dead_lettered_start(dead_letter: DeadLetter) -> StartWorkflow | None:
    """Return the start that will not happen because of this dead letter, if there is one."""
    if not dead_letter.original_subject.startswith("commands.start.") or dead_letter.reason in _REPETITIONS:
        return None
    try:
        return StartWorkflow.model_validate_json(dead_letter.body or b"")
    except ValidationError:
        return None  # the orchestrator could not read it either, so it never took a slot

"""Runs that have ended, and starts that will not happen: both free a slot of their route."""

from typing import Final

from pydantic import ValidationError

from perdure.bus import RawMessage, StoredMessage, decode
from perdure.contracts import ENDINGS, DeadLetter, Progress, StartWorkflow
from perdure.errors import InvalidMessage
from perdure_ingest.flow_control.open_runs import FreedSlot, free_subject

__all__ = ["freeing_message", "is_ending"]

_REPETITIONS: Final = {"duplicate_id", "run_exists"}  # the run of this id is another one, and may be open


def is_ending(message: StoredMessage) -> bool:
    """Return whether a message on a progress subject is an ending; what is no progress is none."""
    try:
        fact = decode(message.raw)
    except InvalidMessage:
        return False
    return isinstance(fact, Progress) and fact.kind in ENDINGS


def freeing_message(dead_letter: DeadLetter) -> tuple[str, RawMessage] | None:
    """Return the route of the start that a dead letter ends, and the message that frees its slot."""
    if not dead_letter.original_subject.startswith("commands.start."):
        return None
    try:
        start = StartWorkflow.model_validate_json(dead_letter.body or b"")
    except ValidationError:
        return None  # the orchestrator could not read it either, so it never took a slot
    freed = FreedSlot(event=start.event.stream_sequence, repeats=dead_letter.reason in _REPETITIONS)
    subject = free_subject(start.route, start.workflow_id, freed.event)
    return start.route, RawMessage(subject, freed.model_dump_json().encode(), {})

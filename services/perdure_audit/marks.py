"""What a message is about, as columns of its record that are indexed: its event, run, request, flow key and kind."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from pydantic_core import from_json

from perdure.bus import RawMessage, decode
from perdure.bus.envelope import PARTITION_KEY, header
from perdure.bus.events import event_id
from perdure.contracts import DeadLetter, fit_event_id, to_token
from perdure.errors import InvalidMessage
from perdure.values.run_id import place_of

__all__ = ["Marks", "fit_mark", "marks_of"]

_RUN_IN_SUBJECT: Final = {"PROGRESS": 2, "APPROVALS": 3, "ALERTS": 2, "DECISIONS": 1, "SIGNALS": 1}
"""Which token of a stream's subjects names the run: a body counts only on the subject that its ids make."""
_WITH_FLOW_KEY: Final = frozenset({"COMMANDS", "PROGRESS"})

_LONGEST: Final = 565  # characters: the ids that verdicts name are no longer


class Marks(NamedTuple):
    """What a message is about; None where it is about none.

    Attributes:
        event: Id of its event, or the event's place if that carries none.
        run: Its run, as a subject token.
        request: Its approval request, as a subject token.
        flow_key: Value of the route's ``flow.key``, as in a header.
        kind: The kind of a fact of progress.
    """

    event: str | None = None
    run: str | None = None
    request: str | None = None
    flow_key: str | None = None
    kind: str | None = None


def marks_of(stream: str, sequence: int, stored_at: datetime | None, raw: RawMessage) -> Marks:
    """Return what a message is about, also one that its readers refuse.

    Args:
        stream: The stream that stores it.
        sequence: Its sequence there.
        stored_at: When the stream stored it; None if a dead letter of 0.1 does not say so.
        raw: The message.
    """
    if stream == "EVENTS":
        return Marks(event=fit_mark(event_id(raw, fallback_id=place_of(stream, sequence, stored_at))))
    if stream == "DLQ":
        return _of_original(raw)
    content = _content(raw.body)
    event = content.get("event")
    return Marks(
        event=_mark(content.get("event_id") or (event.get("id") if isinstance(event, dict) else None)),
        run=_run(stream, raw.subject) or _mark(content.get("workflow_id"), to_token),
        request=_mark(content.get("request_id"), to_token),
        flow_key=_mark(header(raw.headers, f"ce-{PARTITION_KEY}")) if stream in _WITH_FLOW_KEY else None,
        kind=_mark(content.get("kind")) if stream == "PROGRESS" else None,
    )


def fit_mark(text: str) -> str:
    """Return text that both databases can hold and index: PostgreSQL takes no NUL and at most 2,704 bytes."""
    fitted = text if text.isascii() else text.encode(errors="backslashreplace").decode()
    mark = fitted.replace("\0", "\\0")
    return mark if len(mark) <= _LONGEST else fit_event_id(mark)


def _of_original(raw: RawMessage) -> Marks:
    """Return what the original of a dead letter is about."""
    try:
        dead_letter = decode(raw)
    except InvalidMessage:
        return Marks()
    if not isinstance(dead_letter, DeadLetter) or dead_letter.stream == "DLQ":
        return Marks()
    original = RawMessage(dead_letter.original_subject, dead_letter.body or b"", dead_letter.headers)
    return marks_of(dead_letter.stream, dead_letter.stream_sequence, dead_letter.stored_at, original)._replace(
        kind=None, flow_key=None
    )


def _content(body: bytes) -> Mapping[str, Any]:
    try:
        content = from_json(body)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _run(stream: str, subject: str) -> str | None:
    tokens = subject.split(".")
    place = _RUN_IN_SUBJECT.get(stream)
    return fit_mark(tokens[place]) if place is not None and len(tokens) > place else None


def _mark(value: object, escape: Callable[[str], str] = str) -> str | None:
    if not isinstance(value, str) or not value:
        return None
    try:
        return fit_mark(escape(value))
    except UnicodeEncodeError:  # half of a surrogate pair: no subject names it
        return None

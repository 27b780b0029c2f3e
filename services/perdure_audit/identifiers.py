"""Which runs, events and approval requests a recorded message is about: nobody else's content is to be erased."""

from dataclasses import dataclass, field
from typing import Final

from perdure.bus import RawMessage, decode
from perdure.bus.events import event_id
from perdure.contracts import AboutRequest, DeadLetter, EventVerdict, Message, SignalWorkflow, StartWorkflow, from_token
from perdure.contracts.audit import AuditRecord
from perdure.errors import InvalidMessage
from perdure.values.run_id import place_of

__all__ = ["Identifiers", "identifiers"]

_RUN_IN_SUBJECT: Final = {"PROGRESS": 2, "APPROVALS": 3, "DECISIONS": 1, "SIGNALS": 1, "ALERTS": 2}  # which token
_HAVE_RUNS: Final = frozenset({"started", "signalled", "released", "batched_into", "held"})
"""The verdicts that name a run which has the event's data; others may name somebody else's."""


@dataclass
class Identifiers:
    """The ids in a message.

    Attributes:
        runs: Workflow ids.
        names: Events by their places, as ``EVENTS:7``, and approval requests by their ids.
        events: Ids of the events.
    """

    runs: set[str] = field(default_factory=set)
    names: set[str] = field(default_factory=set)
    events: set[str] = field(default_factory=set)

    def read(self, message: Message) -> None:
        """Add the ids in a message of Perdure's."""
        match message:
            case DeadLetter():
                original = RawMessage(message.original_subject, message.body or b"", message.headers)
                if message.stream == "EVENTS":
                    place = place_of("EVENTS", message.stream_sequence, message.stored_at)
                    self._add_event(message.stream_sequence, event_id(original, fallback_id=place))
                elif (inner := _decoded(original)) is not None and not isinstance(inner, DeadLetter):
                    self.read(inner)
            case StartWorkflow() | SignalWorkflow():
                self.runs.add(message.workflow_id)
                self._add_event(message.event.stream_sequence, message.event.id)
            case EventVerdict():
                self._add_event(message.stream_sequence, message.event_id)
                for it in message.routes:
                    if it.workflow_id and it.verdict in _HAVE_RUNS:
                        self.runs.add(it.workflow_id)
                    if it.other and it.verdict == "duplicate_of":
                        self.names.add(f"EVENTS:{it.other.stream_sequence}")
            case AboutRequest():
                self.runs.add(message.workflow_id)
                self.names.add(message.request_id)
            case _:
                self.runs.update(filter(None, [getattr(message, "workflow_id", None)]))
                self.names.update(filter(None, [getattr(message, "request_id", None)]))

    def _add_event(self, sequence: int, id_: str) -> None:
        self.names.add(f"EVENTS:{sequence}")
        self.events.add(id_)


def identifiers(record: AuditRecord) -> Identifiers:
    """Return the ids in a record, also of a message that nobody can read: then those in its subject."""
    raw, found = RawMessage(record.subject, record.body, record.headers), Identifiers()
    if record.stream == "EVENTS":
        place = place_of(record.stream, record.sequence, record.stored_at)
        return Identifiers(set(), {f"EVENTS:{record.sequence}"}, {event_id(raw, fallback_id=place)})
    if (message := _decoded(raw)) is not None:
        found.read(message)
    tokens, at = record.subject.split("."), _RUN_IN_SUBJECT.get(record.stream, len(record.subject))
    found.runs |= {from_token(token) for token in tokens[at : at + 1]}
    return found


def _decoded(raw: RawMessage) -> Message | None:
    try:
        return decode(raw)
    except InvalidMessage:
        return None

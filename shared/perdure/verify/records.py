"""What there is to compare, as plain records: what was published, what JetStream, Temporal and the audit store hold."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from perdure.contracts import ProgressKind

__all__ = [
    "Command",
    "DeadLetterRecord",
    "Execution",
    "Expected",
    "Fact",
    "Observations",
    "Outcome",
    "Published",
    "Recorded",
    "StreamEntry",
]

Outcome = Literal["run", "dead_letter"]


@dataclass(frozen=True, slots=True)
class Expected:
    """An event that somebody says to have published.

    Attributes:
        outcome: What must become of it; without it, either will do.
    """

    id: str
    type: str
    outcome: Outcome | None = None


@dataclass(frozen=True, slots=True)
class StreamEntry:
    """A message as its stream holds it; of the body, the SHA-256."""

    stream: str
    sequence: int
    subject: str
    digest: str


@dataclass(frozen=True, slots=True)
class Recorded:
    """A message as the audit store holds it; of the body, the SHA-256."""

    stream: str
    sequence: int
    subject: str
    digest: str


@dataclass(frozen=True, slots=True)
class Published:
    """An event in EVENTS."""

    sequence: int
    subject: str
    id: str
    digest: str


@dataclass(frozen=True, slots=True)
class Command:
    """A command in COMMANDS, and the event that it names."""

    sequence: int
    event_id: str


@dataclass(frozen=True, slots=True)
class DeadLetterRecord:
    """A dead letter in DLQ.

    Attributes:
        stream: Where the original lies, or lay.
        stream_sequence: Its place there.
        event_id: The event by what the letter itself repeats of the original: counts only where that is gone.
    """

    sequence: int
    reason: str
    stream: str
    stream_sequence: int
    event_id: str | None


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact in PROGRESS.

    Attributes:
        place: Its sequence in the stream.
        number: Its sequence in the run.
    """

    place: int
    workflow_id: str
    run_id: str
    number: int
    kind: ProgressKind
    event_id: str | None


@dataclass(frozen=True, slots=True)
class Execution:
    """A workflow execution in Temporal.

    Attributes:
        status: Temporal's own word, e.g. ``COMPLETED``.
    """

    workflow_id: str
    run_id: str
    event_id: str
    status: str


@dataclass(frozen=True, slots=True)
class Observations:
    """All that was found, at one look."""

    stream_entries: Sequence[StreamEntry] = ()
    published: Sequence[Published] = ()
    commands: Sequence[Command] = ()
    dead_letters: Sequence[DeadLetterRecord] = ()
    facts: Sequence[Fact] = ()
    executions: Sequence[Execution] = ()
    recorded: Sequence[Recorded] = ()

    def all_events(self) -> list[Expected]:
        """Return every event that lies in EVENTS, in order."""
        types = {event.id: event.subject.removeprefix("events.") for event in reversed(self.published)}
        return [Expected(event_id, types[event_id]) for event_id in dict.fromkeys(it.id for it in self.published)]

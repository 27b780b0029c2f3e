"""The records that the verifier compares: expected events, and what JetStream, Temporal and the audit store hold."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from perdure.values.progress_kind import ProgressKind

__all__ = [
    "Command",
    "DeadLetterRecord",
    "DecisionRecord",
    "Execution",
    "Expected",
    "Fact",
    "Judged",
    "Observations",
    "Outcome",
    "ProcessState",
    "Published",
    "ReceiptRecord",
    "Recorded",
    "RouteClaim",
    "StreamEntry",
]

Outcome = Literal["run", "dead_letter"]


@dataclass(frozen=True, slots=True)
class Expected:
    """An event that was published.

    Attributes:
        outcome: What the event must become; None allows both.
        ending: How its run must end; None allows every ending.
        at_once: Whether its start must never be held, since its route has a free place for it.
    """

    id: str
    type: str
    outcome: Outcome | None = None
    ending: ProgressKind | None = None
    at_once: bool = False


@dataclass(frozen=True, slots=True)
class StreamEntry:
    """A message in a stream, with the SHA-256 of its body in hex."""

    stream: str
    sequence: int
    subject: str
    digest: str


@dataclass(frozen=True, slots=True)
class Recorded:
    """A message in the audit store, with the SHA-256 of its body in hex."""

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
    """A command in COMMANDS, with the id of its event, the name of its route and its run.

    ``place`` is the event's sequence in EVENTS; 0 if the command names none.
    """

    sequence: int
    event_id: str
    route: str = ""
    workflow_id: str = ""
    place: int = 0


@dataclass(frozen=True, slots=True)
class RouteClaim:
    """What a verdict claims of one route; ``is_limited`` if it is held by a limit that was reached."""

    route: str
    verdict: str
    workflow_id: str | None = None
    backfill: str | None = None
    is_limited: bool = False


@dataclass(frozen=True, slots=True)
class Judged:
    """A verdict in VERDICTS.

    Attributes:
        stream_sequence: The sequence of its event in EVENTS.
        claims: What it claims of each route.
        refused: The reason of the dead letter that ingest makes of the event, if it does.
        unreported: How many more routes name the event's type.
    """

    stream_sequence: int
    claims: tuple[RouteClaim, ...] = ()
    refused: str | None = None
    unreported: int = 0


@dataclass(frozen=True, slots=True)
class DeadLetterRecord:
    """A dead letter in DLQ.

    Attributes:
        stream: The stream of the original message.
        stream_sequence: The sequence of the original message; its stream may have dropped it since.
        event_id: The event by the dead letter's own copy; used only if the original message is gone.
    """

    sequence: int
    reason: str
    stream: str
    stream_sequence: int
    event_id: str | None


@dataclass(frozen=True, slots=True)
class DecisionRecord:
    """A decision in DECISIONS, with the message id that its receipt names."""

    sequence: int
    decision_id: str


@dataclass(frozen=True, slots=True)
class ReceiptRecord:
    """A receipt in RECEIPTS.

    Attributes:
        place: ``DECISIONS.<sequence>``, if it is about that message alone.
        is_final: Whether no other receipt of the decision follows.
    """

    decision_id: str
    place: str | None
    code: str
    is_final: bool


@dataclass(frozen=True, slots=True)
class Fact:
    """A fact in PROGRESS.

    Attributes:
        stream_sequence: Its sequence in the stream.
        number: Its sequence in the run.
    """

    stream_sequence: int
    workflow_id: str
    run_id: str
    number: int
    kind: ProgressKind
    event_id: str | None


@dataclass(frozen=True, slots=True)
class Execution:
    """A workflow execution in Temporal.

    Attributes:
        status: Temporal's name of the status, e.g. ``COMPLETED``.
        is_extra: Whether an operator made it of a run, or another of it: its event has one more run than its routes
            made.
    """

    workflow_id: str
    run_id: str
    event_id: str
    status: str
    is_extra: bool = False


@dataclass(frozen=True, slots=True)
class ProcessState:
    """A process of the suite.

    Attributes:
        problem: Why it cannot work or does not last; empty if neither.
    """

    name: str
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Observations:
    """Everything that was read from the sources at one time.

    Attributes:
        settled: The stream and sequence of each message whose dead letter was resent or dropped.
        outstanding: How many messages each durable consumer has not acknowledged, by ``<stream>/<consumer>``.
        processes: The processes of a local suite.
        unhandled: Workflow ids of commands that went with a deleted stream, perhaps before they were handled.
        unrecorded: Messages that went with a deleted stream, perhaps before they were recorded.
        reruns: Ids of acts by which operators ran runs anew: what a route made of that is no verdict on the event.
    """

    stream_entries: Sequence[StreamEntry] = ()
    published: Sequence[Published] = ()
    commands: Sequence[Command] = ()
    dead_letters: Sequence[DeadLetterRecord] = ()
    facts: Sequence[Fact] = ()
    executions: Sequence[Execution] = ()
    recorded: Sequence[Recorded] = ()
    judged: Sequence[Judged] = ()
    settled: Sequence[tuple[str, int]] = ()
    decisions: Sequence[DecisionRecord] = ()
    receipts: Sequence[ReceiptRecord] = ()
    outstanding: Mapping[str, int] = field(default_factory=dict)
    processes: Sequence[ProcessState] = ()
    unhandled: frozenset[str] = frozenset()
    unrecorded: frozenset[StreamEntry] = frozenset()
    reruns: frozenset[str] = frozenset()

    def all_events(self) -> list[Expected]:
        """Return the events in EVENTS, each id once, in order."""
        types = {event.id: event.subject.removeprefix("events.") for event in reversed(self.published)}
        return [Expected(event_id, types[event_id]) for event_id in dict.fromkeys(it.id for it in self.published)]

"""What the streams and services know of one thing, each message with its place."""

from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Literal, TypeVar

from perdure.contracts import (
    ApprovalRequested,
    DeadLetter,
    DeadLetterSettled,
    Decision,
    Event,
    EventVerdict,
    Notification,
    PauseChanged,
    Policy,
    Progress,
    Receipt,
    RouteVerdict,
    ScheduleChanged,
    SignalWorkflow,
    StartWorkflow,
    last_words,
)
from perdure.contracts.outcomes import EventOutcome
from perdure.contracts.runs import RunDescription, StuckRun
from perdure.contracts.schedules import ScheduleState
from perdure.values.request_state import RequestState

__all__ = ["About", "Cited", "DueFacts", "EventFacts", "FactSnapshot", "RequestFacts", "RunFacts"]

About = Literal["event", "run", "request", "decision", "dead_letter", "due_time", "nothing"]
"""What an id names; ``nothing`` if no stream holds anything with it."""

Stored_co = TypeVar("Stored_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Cited(Generic[Stored_co]):
    """A stored message with its place.

    Attributes:
        message: The message.
        place: ``<stream>:<sequence>``.
    """

    message: Stored_co
    place: str


@dataclass(frozen=True, slots=True)
class EventFacts:
    """A stored event.

    Attributes:
        id: Its id.
        type: Its type, as its subject has it.
        place: ``EVENTS:<sequence>``.
        outcome: What has become of it; None if no source that knows it answers.
    """

    id: str
    type: str
    place: str
    outcome: EventOutcome | None = None


@dataclass(frozen=True, slots=True)
class RunFacts:
    """A run, by its own facts and as Temporal sees it.

    Attributes:
        workflow_id: Its id.
        first: Its first fact; None if it has published none.
        last: Its newest fact.
        description: Temporal's view; None if no orchestrator answers.
        stuck: Why it waits for mended code, if it does.
    """

    workflow_id: str
    first: Cited[Progress] | None = None
    last: Cited[Progress] | None = None
    description: RunDescription | None = None
    stuck: Cited[StuckRun] | None = None


@dataclass(frozen=True, slots=True)
class RequestFacts:
    """An approval request.

    Attributes:
        request: The request, as it was published.
        current_policy: Its policy after the escalations so far: who may vote now.
        state: What it is by now.
        votes: Approver and vote (``approve`` or ``reject``) of each person who has voted, oldest first.
        settled: Place of the message that settled it; None while it is open, or if its run ended without one.
        settled_by: The people on the winning side, joined by commas.
        reason: Their comments, or why it expired or was withdrawn.
    """

    request: Cited[ApprovalRequested]
    current_policy: Policy
    state: RequestState = "open"
    votes: tuple[tuple[str, str], ...] = ()
    settled: str | None = None
    settled_by: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class DueFacts:
    """A due time of a schedule of which there is no event.

    Attributes:
        route: Name of the route.
        at: The due time (UTC).
        now: When it is asked about (UTC).
        changes: What was declared of its schedule, oldest first; at least one.
        state: The schedule as Temporal has it; None if no orchestrator answers, or if it is gone.
    """

    route: str
    at: datetime
    now: datetime
    changes: tuple[Cited[ScheduleChanged], ...]
    state: ScheduleState | None = None


@dataclass(frozen=True, slots=True)
class FactSnapshot:
    """What is known at one moment of the thing that somebody asks about.

    Attributes:
        asked: The id, as it was asked.
        about: What it names.
        route: The route that should have taken the event, if somebody asks why it did not.
        event: The event: the one asked about, or the one that started the run.
        same_id: Other events with the id that is asked about, newest first; None for one that cannot be read.
        verdicts: The verdicts on the event, in order of storage.
        commands: The commands that came of it.
        runs: The runs that it started or signalled; or the run asked about, or that of the request or decision.
        requests: The approval requests of these runs, or only the one asked about; oldest first.
        decision: The decision asked about, if DECISIONS holds it.
        receipts: The receipts of the requests, or only those of the decision asked about.
        notices: What was sent about the requests.
        dead_letters: The dead letter asked about, or that of the event.
        settlements: The acts by which operators resent or dropped a dead letter.
        pause: The pause of the whole suite, if it is paused.
        due: The due time asked about.
        broken_code: Why no orchestrator can load the author's code; empty if nothing is wrong with it.
        silent: The streams and services that did not answer in time.
        unrecorded: What knows more, and is not in a record, if it is a record that was read.
    """

    asked: str
    about: About
    route: str | None = None
    event: EventFacts | None = None
    same_id: tuple[Cited[Event | None], ...] = ()
    verdicts: tuple[Cited[EventVerdict], ...] = ()
    commands: tuple[Cited[StartWorkflow | SignalWorkflow], ...] = ()
    runs: tuple[RunFacts, ...] = ()
    requests: tuple[RequestFacts, ...] = ()
    decision: Cited[Decision] | None = None
    receipts: tuple[Cited[Receipt], ...] = ()
    notices: tuple[Cited[Notification], ...] = ()
    dead_letters: tuple[Cited[DeadLetter], ...] = ()
    settlements: tuple[Cited[DeadLetterSettled], ...] = ()
    pause: Cited[PauseChanged] | None = None
    due: DueFacts | None = None
    broken_code: str = ""
    silent: tuple[str, ...] = ()
    unrecorded: tuple[str, ...] = ()

    @property
    def words(self) -> tuple[Cited[RouteVerdict], ...]:
        """The verdict of each route that counts, with its place."""
        stored = [Cited(route, it.place) for it in self.verdicts for route in it.message.routes]
        counting = last_words(it.message for it in stored)
        return tuple(next(it for it in stored if it.message is word) for word in counting)

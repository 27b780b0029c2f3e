"""The NATS request/reply by which a publisher learns what became of an event, by the event's id."""

from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, JsonValue, PositiveInt, model_validator

from perdure.contracts.dead_letters import Reason
from perdure.contracts.open_words import OPEN
from perdure.contracts.progress import ProgressKind
from perdure.contracts.verdicts import RouteVerdict

__all__ = ["EVENT_OUTCOME", "EventOutcome", "EventQuery", "EventRun", "EventState", "RefusedEvent"]

EVENT_OUTCOME: Final = "queries.events.outcome"
"""Start of the request subject, which the event's type follows: ``queries.events.outcome.documents.submitted``.

So whoever may publish only some types of events may ask only about these. The request body is an ``EventQuery``, the
reply body an ``EventOutcome``: the state now. Ask again until it is settled.
"""

EventState = Literal["unknown", "accepted", "running", "completed", "failed", "dead_letter", "no_run"]
"""What has become of an event so far.

* ``unknown``: no stored event of this type has this id.
* ``accepted``: it is stored, and none of its runs has begun: it is not read yet, or waits in a route's flow control.
* ``running``: one of its runs has begun, and not all have ended.
* ``completed``: all of its runs have completed.
* ``failed``: all of its runs have ended, not all of them completed.
* ``no_run``: it is no dead letter, and no run or signal comes of it: ``verdicts`` says why.
* ``dead_letter``: it, or a command that came of it, was refused.
"""


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class EventQuery(_Body):
    """The event that is asked about: by its id, its place in the stream, or both.

    Attributes:
        id: The event's id.
        source: Only an event of this CloudEvents source.
        stream_sequence: The ``seq`` of the ack that JetStream gave for it. Without it, the newest 2,000
            events of the type are searched.
    """

    id: str | None = None
    source: str | None = None
    stream_sequence: PositiveInt | None = None

    @model_validator(mode="after")
    def _names_an_event(self) -> Self:
        if self.id is None and self.stream_sequence is None:
            raise ValueError("name the event: by `id`, by `stream_sequence`, or by both")
        return self


class EventRun(_Body):
    """A run that the event started or signalled, or whose batch it belongs to.

    Attributes:
        workflow_id: Its id.
        workflow: Name of the workflow type; absent if the event signals a run that is not known.
        action: What the event did to it.
        kind: Its newest fact, such as ``completed``; absent if it has not begun.
        result: Its result, if it has completed.
        error: What went wrong, or why the result is not here.
        stuck: The error of its code, with its place, if it waits for mended code; it goes on by itself then.
    """

    workflow_id: str
    workflow: str | None = None
    action: Annotated[Literal["started", "signalled", "batched"], OPEN] = "started"
    kind: Annotated[ProgressKind, OPEN] | None = None
    result: JsonValue = None
    error: str | None = None
    stuck: str | None = None


class RefusedEvent(_Body):
    """Why an event, or a command that came of it, was refused.

    Attributes:
        number: The dead letter's sequence in the stream DLQ, by which ``perdure dlq`` finds it.
        service: The service that refused it.
        reason: Why, for programs.
        detail: What is wrong and what to do, for people.
    """

    number: int
    service: str
    reason: Annotated[Reason, OPEN]
    detail: str


class EventOutcome(_Body):
    """What has become of an event so far.

    Attributes:
        id: The event's id.
        state: See ``EventState``.
        stream_sequence: Its sequence in EVENTS; absent if it is unknown.
        data_digest: SHA-256 of its data in the canonical form of RFC 8785, in hex; absent if the data has none.
        runs: The runs that it started or signalled, in the order of the commands.
        refused: Its dead letter, if it has one; absent once an operator has dropped it.
        verdicts: The last word of each route that names its type; empty if none is known yet.
        problem: Why the request was not understood; the state is ``unknown`` then.
    """

    id: str
    state: Annotated[EventState, OPEN]
    stream_sequence: int | None = None
    data_digest: str | None = None
    runs: tuple[EventRun, ...] = ()
    refused: RefusedEvent | None = None
    verdicts: tuple[RouteVerdict, ...] = ()
    problem: str | None = None

    @property
    def is_settled(self) -> bool:
        """Whether nothing more will become of it."""
        return self.state in {"completed", "failed", "dead_letter", "no_run"}

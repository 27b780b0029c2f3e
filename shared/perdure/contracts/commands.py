"""Commands from ingest to the orchestrator: start, signal or cancel a run."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, PositiveFloat

from perdure.contracts.former_claim import FormerClaim, former_signal_claim
from perdure.contracts.instant import Instant
from perdure.contracts.message import Message, Sha256
from perdure.contracts.search_attribute import SearchAttribute
from perdure.values.run_id import SEPARATOR, default_run_id, former_run_id

__all__ = [
    "CancelWorkflow",
    "EventReference",
    "RunOptions",
    "SignalWorkflow",
    "StartWorkflow",
]


class EventReference(BaseModel):
    """The event that caused a command, without its data.

    Attributes:
        id: The event's id.
        type: What happened, dotted.
        source: The publisher, a URI reference.
        subject: What it happened to.
        time: When it happened, by the publisher's clock.
        stream_sequence: Its sequence number in the EVENTS stream.
        resend: Number of the dead letter as which an operator sent it again; absent if nobody did.
        backfill: The backfill that took it through the route, or the act by which an operator runs it anew; absent if
            it came by itself.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str
    type: str
    source: str
    subject: str | None = None
    time: Instant | None = None
    stream_sequence: int
    resend: int | None = None
    backfill: str | None = None

    @property
    def again(self) -> str:
        """What an id of a message has more if the event comes again: JetStream knows the id of the first one."""
        return "".join(f".{it}" for it in (self.resend, self.backfill) if it is not None)


class RunOptions(BaseModel):
    """Temporal options of a run.

    Attributes:
        task_queue: Its task queue; absent: the orchestrator's own.
        priority: From 1, the most urgent, to 5; Temporal's own default is 3.
        fairness_key: Temporal shares the task queue evenly between these keys.
        timeout_seconds: Temporal times the run out after so many seconds.
        not_before: It starts no earlier than this (UTC).
        attributes: The search attributes that the route gives it, by name.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    task_queue: str | None = None
    priority: Annotated[int, Field(ge=1, le=5)] | None = None
    fairness_key: str | None = None
    timeout_seconds: PositiveFloat | None = None
    not_before: Instant | None = None
    attributes: dict[str, SearchAttribute] = {}


class StartWorkflow(Message):
    """Start a workflow for an event, once.

    Attributes:
        route: Name of the route that matched.
        event: The event; for a batch, its first one.
        workflow: Name of the workflow type.
        workflow_id: ``<route>~<event id>~<mark of the source>``, or what the route's template makes: the same event
            gives the same id.
        digest: SHA-256 of the event's id, source, type and data. The same id with another digest is another event.
        input: The workflow's single argument, as any JSON.
        options: How Temporal runs it.
        key: The value of the route's ``flow.key``; one of more than 200 characters is replaced by its SHA-256 in hex.
        order: The value of the route's ``order``, shortened as ``key`` is: commands with the same value take effect in
            the order in which they are stored.
        former: How 0.1 claimed the same; absent from its own commands, whose digests leave the source out, and from
            those of batches.
        rerun_of: The run that it repeats, if an operator starts one anew.
    """

    type: Literal["commands.start"] = "commands.start"
    route: str
    event: EventReference
    workflow: str
    workflow_id: str
    digest: Sha256
    input: JsonValue = None
    options: RunOptions = RunOptions()
    key: str | None = None
    order: str | None = None
    former: FormerClaim | None = None
    rerun_of: str | None = None

    @property
    def address(self) -> tuple[str, ...]:
        """``<workflow>``."""
        return (self.workflow,)

    @property
    def partition_key(self) -> str | None:
        """Its ``key``."""
        return self.key

    @property
    def occurred_at(self) -> datetime | None:
        """``event.time``."""
        return self.event.time

    @property
    def message_id(self) -> str:
        """One for each route, run and content: what another route or event starts is refused, not deduplicated.

        0.1 left the route out, as a batch does, whose run id has it.
        """
        route = "" if self.former is None else f"{self.route}{SEPARATOR}"
        return f"start.{route}{self.workflow_id}.{self.digest[:16]}{self.event.again}"

    @property
    def claim(self) -> str:
        """Its key in the start ledger."""
        return self.workflow_id

    def as_formerly(self, former: FormerClaim) -> Self:
        """Return the command as 0.1 made it."""
        return self.model_copy(update={**_formerly(self.event, former), "workflow_id": former.claim})

    def as_today(self) -> Self:
        """Return a command of 0.1 as it is made today, but for its digest, which leaves the source out."""
        former = FormerClaim(claim=self.claim, event_id=self.event.id, digest=self.digest)
        if self.workflow_id != former_run_id(self.route, self.event.id):
            return self.model_copy(update={"former": former})
        today = default_run_id(self.route, self.event.id, self.event.source)
        return self.model_copy(update={"former": former, "workflow_id": today})


class SignalWorkflow(Message):
    """Signal a run because of an event, once.

    Attributes:
        route: Name of the route that matched.
        event: The event.
        workflow_id: The run to signal.
        digest: SHA-256 of the event's id, source, type and data.
        signal: Name of the signal.
        argument: The signal's single argument, as any JSON.
        workflow: Signal-with-start: the workflow type to start if no run of this id is open.
        input: The single argument of that workflow, as any JSON.
        options: How Temporal runs it, if it is started.
        order: The value of the route's ``order``, shortened as ``key`` is: commands with the same value take effect in
            the order in which they are stored.
        former: How 0.1 claimed the same; absent from its own commands, whose digests leave the source out.
    """

    type: Literal["commands.signal"] = "commands.signal"
    route: str
    event: EventReference
    workflow_id: str
    digest: Sha256
    signal: str
    argument: JsonValue = None
    workflow: str | None = None
    input: JsonValue = None
    options: RunOptions = RunOptions()
    order: str | None = None
    former: FormerClaim | None = None

    @property
    def address(self) -> tuple[str, ...]:
        """``<signal>``: the workflow type is not known before the run is found."""
        return (self.signal,)

    @property
    def occurred_at(self) -> datetime | None:
        """``event.time``."""
        return self.event.time

    @property
    def message_id(self) -> str:
        """One for each route, event and content."""
        return f"{self.request_id}{self.event.again}"

    @property
    def request_id(self) -> str:
        """By which Temporal knows the signal: an event that is sent again is no second signal."""
        return f"{self.claim}.{self.digest[:16]}"

    @property
    def claim(self) -> str:
        """Its key in the start ledger; no run's id begins as it does."""
        if self.former is None:
            return former_signal_claim(self.route, self.event.id)
        return f"{SEPARATOR}signal{SEPARATOR}{default_run_id(self.route, self.event.id, self.event.source)}"

    def as_formerly(self, former: FormerClaim) -> Self:
        """Return the command as 0.1 made it."""
        return self.model_copy(update=_formerly(self.event, former))

    def as_today(self) -> Self:
        """Return a command of 0.1 as it is made today, but for its digest, which leaves the source out."""
        former = FormerClaim(claim=self.claim, event_id=self.event.id, digest=self.digest)
        return self.model_copy(update={"former": former})


class CancelWorkflow(Message):
    """Cancel a run: the run of a newer event replaces it, or an operator ends it.

    Attributes:
        workflow: Name of the workflow type.
        workflow_id: The run to cancel.
        instead: Workflow id of the run that starts once this one has ended; empty if an operator cancels it.
        run_id: Temporal's run id that the operator saw; absent if another run replaces it.
    """

    type: Literal["commands.cancel"] = "commands.cancel"
    workflow: str
    workflow_id: str
    instead: str
    run_id: str | None = None

    @property
    def address(self) -> tuple[str, ...]:
        """``<workflow>``."""
        return (self.workflow,)

    @property
    def message_id(self) -> str:
        """One for each run and successor."""
        return f"cancel.{self.workflow_id}.{self.instead or self.run_id}"


def _formerly(event: EventReference, former: FormerClaim) -> dict[str, Any]:
    """Return the fields that a command of 0.1 has otherwise."""
    return {"event": event.model_copy(update={"id": former.event_id}), "digest": former.digest, "former": None}

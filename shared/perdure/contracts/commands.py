"""What ingest asks of the orchestrator."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, PositiveFloat

from perdure.contracts.instant import Instant
from perdure.contracts.message import Message, Sha256

__all__ = ["CancelWorkflow", "EventReference", "RunOptions", "SignalWorkflow", "StartWorkflow"]


class EventReference(BaseModel):
    """The event behind a command, without its data.

    Attributes:
        stream_sequence: Where the event lies in the EVENTS stream.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str
    type: str
    source: str
    subject: str | None = None
    time: Instant | None = None
    stream_sequence: int


class RunOptions(BaseModel):
    """How a run is to be run.

    Attributes:
        task_queue: Where it is worked on, if not on the orchestrator's own task queue.
        priority: From 1, the most urgent, to 5; Temporal's own default is 3.
        fairness_key: Task queues with fairness share work evenly between keys.
        timeout_seconds: After so long it is timed out.
        not_before: It begins at this time, if that lies ahead.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    task_queue: str | None = None
    priority: Annotated[int, Field(ge=1, le=5)] | None = None
    fairness_key: str | None = None
    timeout_seconds: PositiveFloat | None = None
    not_before: Instant | None = None


class StartWorkflow(Message):
    """Start this workflow for this event, once.

    Attributes:
        route: Name of the route that matched.
        event: The event; of a batch, the first one.
        workflow: Name of the workflow type.
        workflow_id: ``<route>-<event id>``, or what the route's template makes: the same event asks for the same run.
        digest: Of the event's id, type and data: an id that comes again with another digest is no repetition.
        input: The workflow's single argument.
    """

    type: Literal["commands.start"] = "commands.start"
    route: str
    event: EventReference
    workflow: str
    workflow_id: str
    digest: Sha256
    input: JsonValue = None
    options: RunOptions = RunOptions()

    @property
    def address(self) -> tuple[str, ...]:
        """Heard per workflow type."""
        return (self.workflow,)

    @property
    def message_id(self) -> str:
        """One start a run and content: what only shares the id is not swallowed, but refused where people see it."""
        return f"start.{self.workflow_id}.{self.digest[:16]}"

    @property
    def claim(self) -> str:
        """What the start ledger knows it by."""
        return self.workflow_id


class SignalWorkflow(Message):
    """Signal this run because of this event, once.

    Attributes:
        digest: Of the event's id, type and data.
        signal: Name of the signal.
        argument: The signal's single argument.
        workflow: If given, a run of this workflow is started first where none of this id is open.
        input: The single argument of that workflow.
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

    @property
    def address(self) -> tuple[str, ...]:
        """Heard per signal name: the workflow's type is not known before the run is found."""
        return (self.signal,)

    @property
    def message_id(self) -> str:
        """One signal a route, event and content."""
        return f"{self.claim}.{self.digest[:16]}"

    @property
    def claim(self) -> str:
        """What the start ledger knows it by."""
        return f"signal.{self.route}-{self.event.id}"


class CancelWorkflow(Message):
    """Cancel this run, because a newer event is to run instead.

    Attributes:
        workflow_id: The run.
        instead: The run that waits for its end.
    """

    type: Literal["commands.cancel"] = "commands.cancel"
    workflow: str
    workflow_id: str
    instead: str

    @property
    def address(self) -> tuple[str, ...]:
        """Heard per workflow type."""
        return (self.workflow,)

    @property
    def message_id(self) -> str:
        """One cancellation a run and successor."""
        return f"cancel.{self.workflow_id}.{self.instead}"

"""What ingest asks of the orchestrator."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, JsonValue

from perdure.contracts.instant import Instant
from perdure.contracts.message import Message, Sha256

__all__ = ["EventReference", "SignalWorkflow", "StartWorkflow"]


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


class StartWorkflow(Message):
    """Start this workflow for this event, once.

    Attributes:
        route: Name of the route that matched.
        workflow: Name of the workflow type.
        workflow_id: ``<route>-<event id>``: the same event asks for the same run.
        digest: Of the event's type and data: an id that comes again with another digest is no repetition.
        input: The workflow's single argument.
    """

    type: Literal["commands.start"] = "commands.start"
    route: str
    event: EventReference
    workflow: str
    workflow_id: str
    digest: Sha256
    input: JsonValue = None

    @property
    def address(self) -> tuple[str, ...]:
        """Heard per workflow type."""
        return (self.workflow,)

    @property
    def message_id(self) -> str:
        """One start a run and content: what only shares the id is not swallowed, but refused where people see it."""
        return f"start.{self.workflow_id}.{self.digest[:16]}"


class SignalWorkflow(Message):
    """Signal this run because of this event, once.

    Attributes:
        signal: Name of the signal.
        argument: The signal's single argument.
    """

    type: Literal["commands.signal"] = "commands.signal"
    route: str
    event: EventReference
    workflow_id: str
    signal: str
    argument: JsonValue = None

    @property
    def address(self) -> tuple[str, ...]:
        """Heard per signal name: the workflow's type is not known before the run is found."""
        return (self.signal,)

    @property
    def message_id(self) -> str:
        """One signal a route and event."""
        return f"signal.{self.route}-{self.event.id}"

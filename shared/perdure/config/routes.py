"""How an event finds its workflow: one rule of ``routes:`` in the configuration."""

from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from perdure.config.flow_control import FlowControl
from perdure.values.duration import Duration
from perdure.values.window import Window

__all__ = ["Route", "SignalWithStart"]

Priority = Annotated[int, Field(ge=1, le=5)]


class SignalWithStart(BaseModel):
    """Signal a run, and start it first if none of its id is open.

    Attributes:
        start: The workflow.
        signal: The signal; what it gets is the route's `input`.
        input: What a run that is started gets instead of the event's data, as the route's own `input`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    start: str
    signal: str
    input: str | dict[str, str] | None = None


class Route(BaseModel):
    """Events that match start a workflow, signal one, or both.

    CEL expressions see ``data``, ``type``, ``source``, ``subject``, ``id``, ``time`` (the event's own, else when NATS
    stored it) and ``headers`` (names in lower case). Templates hold fields in braces, as ``order-{data.order_id}``.

    Attributes:
        name: Part of the workflow ids that this route asks for, so it must never change; by default the name of the
            workflow or signal.
        on: The event type; ``*`` stands for one word of it, a last ``>`` for one or more.
        when: A CEL condition.
        start: The workflow to start.
        signal: The signal to send instead.
        signal_with_start: Or both at once.
        workflow_id: A template: whom to signal, or the id of the run to start (one run an id, for ever); by default a
            started run is called ``<route>-<event id>``.
        input: What the workflow or signal gets instead of the event's data: a CEL expression, or one for each field.
        data_schema: What the data must look like (``schema:`` in the file): ``package.module:Model`` of a pydantic
            model, or a JSON Schema.
        task_queue: Where the run is worked on, if not on the configured task queue.
        priority: 1 is the most urgent, 3 usual; a number, or a CEL expression that gives one.
        fairness_key: A template such as ``{data.tenant}``: task queues with fairness share work evenly between keys.
        start_delay: The run begins so long after its event.
        not_before: A CEL expression: the run begins at this time, a timestamp or RFC 3339 text, if it lies ahead.
        run_timeout: The run is timed out after so long.
        window: Runs start only then.
        flow: How many there may be, and when.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    name: str = ""
    on: str
    when: str | None = None
    start: str | None = None
    signal: str | None = None
    signal_with_start: SignalWithStart | None = None
    workflow_id: str | None = None
    input: str | dict[str, str] | None = None
    data_schema: str | dict[str, Any] | None = Field(default=None, alias="schema")
    task_queue: str | None = None
    priority: Priority | str | None = None
    fairness_key: str | None = None
    start_delay: Duration | None = None
    not_before: str | None = None
    run_timeout: Duration | None = None
    window: Window | None = None
    flow: FlowControl | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if sum(action is not None for action in (self.start, self.signal, self.signal_with_start)) != 1:
            raise ValueError("a route has one of `start`, `signal` and `signal_with_start`")
        if self.start is None and self.workflow_id is None:
            raise ValueError("a route that signals says whom: give it a `workflow_id` such as order-{data.order_id}")
        self._refuse(self.start is None, "only for routes that `start`", "start_delay", "not_before", "window", "flow")
        about_a_run = ("task_queue", "priority", "fairness_key", "run_timeout")
        self._refuse(self.signal is not None, "about a run that starts, and this route only signals", *about_a_run)
        if self.flow is not None and self.flow.batch is not None and self.workflow_id is not None:
            raise ValueError("a batch has no single event to make a `workflow_id` of: leave it out")
        return self

    def _refuse(self, wrong: bool, why: str, *names: str) -> None:
        given = next((name for name in names if getattr(self, name) is not None), None)
        if wrong and given is not None:
            raise ValueError(f"`{given}` is {why}")

    @property
    def label(self) -> str:
        """The name, or what stands for it."""
        both = self.signal_with_start
        return self.name or self.start or self.signal or (f"{both.start}-{both.signal}" if both else "")

    @property
    def workflow(self) -> str | None:
        """The workflow that the route starts, if it starts one."""
        return self.signal_with_start.start if self.signal_with_start else self.start

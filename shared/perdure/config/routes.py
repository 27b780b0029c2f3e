"""The section ``routes:``: which events start or signal which workflows."""

from typing import Annotated, Any, Self

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from perdure.config.flow_control import FlowControl
from perdure.config.route_attributes import Attribute
from perdure.config.section import Section
from perdure.values.duration import Duration
from perdure.values.event_type import EXAMPLE, pattern_problem
from perdure.values.reserved import is_reserved, reserved_text
from perdure.values.run_id import SEPARATOR
from perdure.values.search_attribute import AttributeName
from perdure.values.window import Window

__all__ = ["Route", "SignalWithStart"]

Priority = Annotated[int, Field(ge=1, le=5)]


def _own_name(name: str) -> str:
    if is_reserved(name):
        raise ValueError(reserved_text("signal", name))
    return name


def _possible(pattern: str) -> str:
    if problem := pattern_problem(pattern):
        raise ValueError(
            f"no event can have this type: {problem}; {EXAMPLE}, with * for any one word or a last > for any words"
        )
    return pattern


EventPattern = Annotated[str, AfterValidator(_possible)]
"""A pattern of event types."""

SignalName = Annotated[str, AfterValidator(_own_name)]
"""A signal of a workflow, which Perdure does not send itself."""


class SignalWithStart(Section):
    """Signals a run, and starts it first if no run of its id is open.

    Attributes:
        start: The workflow.
        signal: The signal; its argument is the route's `input`.
        input: The input of a run that is started, written as the route's own `input`; by default the event's data.
    """

    start: str
    signal: SignalName
    input: str | dict[str, str] | None = None


class Route(Section):
    """A rule by which matching events start a workflow, signal one, or both.

    CEL expressions can use ``data``, ``type``, ``source``, ``subject``, ``id``, ``time`` (the event's own, else when
    NATS stored it) and ``headers`` (names in lower case). Templates have fields in braces: ``order-{data.order_id}``.

    Attributes:
        name: Part of the workflow ids of this route, so it must never change; by default the name of the workflow or
            signal.
        on: The event type; ``*`` stands for one token of it, a last ``>`` for one or more.
        when: A CEL condition.
        start: The workflow to start.
        signal: The signal to send instead.
        signal_with_start: Or both at once.
        workflow_id: A template for the id of the run to signal or to start (one run an id, for ever); by default a
            started run has the id ``<route>~<event id>~<mark of the source>``. A run that it starts has no ``~`` in it.
        input: The workflow's input or the signal's argument: a CEL expression, or one for each field; by default the
            event's data.
        data_schema: The schema of the data (``schema:`` in the file): ``package.module:Model`` of a pydantic model, or
            a JSON Schema.
        task_queue: The run's task queue, if it is not the configured one.
        priority: 1 is the most urgent, 3 usual; a number, or a CEL expression that gives one.
        fairness_key: A template such as ``{data.tenant}``: task queues with fairness share work evenly between keys.
        start_delay: The run begins so long after its event.
        not_before: A CEL expression, a timestamp or RFC 3339 text: the run begins no earlier.
        run_timeout: Temporal times the run out after so long.
        window: The times at which runs may start.
        flow: How many runs there may be, and when they may start.
        order: A CEL expression. Commands with the same value, of whichever route, reach their runs in the order in
            which their events were stored.
        attributes: Search attributes of the run by name: a CEL expression, or one with its type. Without a type it is
            that of an outermost ``int()``, ``double()`` or ``timestamp()``, else ``keyword``. Null leaves the attribute
            out.
        verdicts: Whether ingest publishes what the route made of each event, on ``verdicts.<type>``.
    """

    model_config = ConfigDict(populate_by_name=True)

    name: str = ""
    on: EventPattern
    when: str | None = None
    start: str | None = None
    signal: SignalName | None = None
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
    order: str | None = None
    attributes: dict[AttributeName, Attribute] = Field(default={})
    verdicts: bool = True

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if sum(action is not None for action in (self.start, self.signal, self.signal_with_start)) != 1:
            raise ValueError("a route has one of `start`, `signal` and `signal_with_start`")
        if SEPARATOR in self.label:
            raise ValueError(
                f"{self.label} has a {SEPARATOR}, which ends the name in run ids: give the route another `name`"
            )
        if self.workflow is not None and SEPARATOR in (self.workflow_id or ""):
            raise ValueError(f"`workflow_id` has a {SEPARATOR}, which only the ids have that routes give by default")
        if self.start is None and self.workflow_id is None:
            raise ValueError("a route that signals needs a `workflow_id` such as order-{data.order_id}")
        self._refuse(self.start is None, "only for routes that `start`", "start_delay", "not_before", "window", "flow")
        of_started_runs = ("task_queue", "priority", "fairness_key", "run_timeout")
        self._refuse(self.signal is not None, "for runs that start, and this route only signals", *of_started_runs)
        if self.attributes and self.signal is not None:
            raise ValueError("`attributes` is for runs that start, and this route only signals")
        if self.order is not None and (self.flow or self.window):
            raise ValueError("`order` does not go with `flow` and `window`: later commands overtake starts that wait")
        if self.flow is not None and self.flow.batch is not None and self.workflow_id is not None:
            raise ValueError("a batch has no single event to make a `workflow_id` of: leave it out")
        return self

    def _refuse(self, wrong: bool, because: str, *names: str) -> None:
        given = next((name for name in names if getattr(self, name) is not None), None)
        if wrong and given is not None:
            raise ValueError(f"`{given}` is {because}")

    @property
    def label(self) -> str:
        """The name, or the workflow or signal in its place."""
        both = self.signal_with_start
        return self.name or self.start or self.signal or (f"{both.start}-{both.signal}" if both else "")

    @property
    def workflow(self) -> str | None:
        """The workflow that the route starts, if any."""
        return self.signal_with_start.start if self.signal_with_start else self.start

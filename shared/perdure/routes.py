"""How an event finds its workflow: one rule of ``routes:`` in the configuration."""

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

__all__ = ["Route"]


class Route(BaseModel):
    """Events that match start a workflow or signal one.

    Attributes:
        name: Part of every workflow id that this route asks for, so it must never change; by default the name of the
            workflow or signal.
        on: The event type; ``*`` stands for one word of it, a last ``>`` for one or more.
        when: A CEL condition over ``data``, ``type``, ``source``, ``subject`` and ``id``.
        start: The workflow to start.
        signal: The signal to send instead.
        workflow_id: Whom to signal, a template such as ``order-{data.order_id}``.
        data_schema: What the data must look like (``schema:`` in the file): ``package.module:Model`` of a pydantic
            model, or a JSON Schema.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    name: str = ""
    on: str
    when: str | None = None
    start: str | None = None
    signal: str | None = None
    workflow_id: str | None = None
    data_schema: str | dict[str, Any] | None = Field(default=None, alias="schema")

    @model_validator(mode="after")
    def _one_action(self) -> Self:
        if (self.start is None) == (self.signal is None):
            raise ValueError("a route has either `start` or `signal`")
        if self.signal is not None and self.workflow_id is None:
            raise ValueError("a route that signals says whom: give it a `workflow_id` such as order-{data.order_id}")
        if self.start is not None and self.workflow_id is not None:
            raise ValueError("a run's id is made of the route's name and the event's id: `workflow_id` is for signals")
        return self

    @property
    def label(self) -> str:
        """The name, or what stands for it."""
        return self.name or self.start or self.signal or ""

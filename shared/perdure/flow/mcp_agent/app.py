"""The app object: its decorators mark classes and functions as temporalio's own do."""

import functools
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeVar, overload

from temporalio import activity
from temporalio import workflow as temporal

from perdure.flow.mcp_agent.absent import absent_attribute, refuse_options
from perdure.flow.mcp_agent.from_functions import without_self, workflow_of

__all__ = ["MCPApp"]

Marked = TypeVar("Marked", bound=Callable[..., Any])

_PLACE: Final = "app.MCPApp"


class MCPApp:
    """Marks classes and functions as temporalio's own decorators do.

    Args:
        name: Kept, and not used.
        description: Likewise.
        options: None of mcp-agent's other options exists here.

    Raises:
        TypeError: There are other options; the message has what to do here instead.
    """

    def __init__(self, name: str = "", description: str | None = None, **options: Any) -> None:
        refuse_options(_PLACE, options)
        if options:
            raise TypeError(f"MCPApp has no option {next(iter(options))}; there are: name, description.")
        self.name = name
        self.description = description

    if not TYPE_CHECKING:  # type checkers report names that do not exist themselves

        def __getattr__(self, name: str) -> Any:
            raise absent_attribute(_PLACE, name, self)

    def workflow(self, cls: type | None = None, *, name: str | None = None) -> Any:
        """Mark a class as a workflow: ``@app.workflow``, with or without a name."""
        return temporal.defn(name=name) if cls is None else temporal.defn(cls)

    def workflow_run(self, function: Marked) -> Marked:
        """Mark the method that a run executes."""
        return temporal.run(function)

    def workflow_signal(self, function: Any = None, *, name: str | None = None) -> Any:
        """Mark a method that takes a signal."""
        if function is not None:
            return temporal.signal(function)
        return temporal.signal if name is None else temporal.signal(name=name)

    def workflow_task(self, function: Any = None, *, name: str | None = None, **options: Any) -> Any:
        """Mark a function, or a method of a workflow, as an activity; a method must not use its ``self``.

        Raises:
            TypeError: It is given a timeout or a retry policy, which belong to the call.
        """
        refuse_options(f"{_PLACE}.workflow_task", options)
        if function is None:
            return functools.partial(self.workflow_task, name=name)
        first = next(iter(inspect.signature(function).parameters), "")
        if first != "self":
            return activity.defn(name=name)(function)
        return staticmethod(activity.defn(name=name)(without_self(function)))

    @overload
    def async_tool(self, name: str | None = None, **_: Any) -> Callable[[Callable[..., Any]], type]: ...

    @overload
    def async_tool(self, name: Callable[..., Any]) -> type: ...

    def async_tool(self, name: Any = None, **_: Any) -> Any:
        """Make a workflow of an async function, under this name or its own; it may be used without parentheses.

        Its other options describe an MCP tool; there is none, so they have no effect.
        """
        if callable(name):
            return workflow_of(name, name.__name__)
        return lambda function: workflow_of(function, name or function.__name__)

    tool = async_tool

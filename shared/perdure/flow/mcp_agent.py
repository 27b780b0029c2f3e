"""The names of mcp-agent over plain temporalio, for programs that were written for it. There is no second engine.

A program keeps its classes and calls. Its imports become ``from perdure.flow.mcp_agent import …``, and ``workflows:``
names its module. An event or ``temporal workflow start`` starts it; the app object runs nothing.
"""

import dataclasses
import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any, Final, Generic, Self, TypeVar, cast

from temporalio import activity
from temporalio import workflow as temporal

from perdure.flow.agent import Agent as PerdureAgent
from perdure.flow.result import WorkflowResult
from perdure.flow.run import Run
from perdure.flow.tools import Tools

__all__ = ["Agent", "MCPApp", "Workflow", "WorkflowResult", "workflow"]

Value = TypeVar("Value")
Marked = TypeVar("Marked", bound=Callable[..., Any])

_NO_SERVER: Final = "llm"  # some programs for mcp-agent list the model as a server


class Workflow(Generic[Value]):
    """The base class of mcp-agent's workflows; here any class is a workflow."""


class Agent(PerdureAgent):
    """An agent; the server name ``llm`` is left out, because the model is ``agent.llm``.

    If it names no servers, the program may call the tools of all configured servers; its model gets none.
    """

    def __init__(
        self, name: str, instruction: str = "", server_names: Sequence[str] | None = None, **options: Any
    ) -> None:
        servers = [server for server in server_names or () if server != _NO_SERVER]
        super().__init__(name, instruction=instruction, server_names=servers, **options)
        self._names_none = server_names is None

    async def __aenter__(self) -> Self:
        """Read which servers are configured."""
        if self._names_none:
            rules = await Run.current().rules()
            self.tools = Tools(dataclasses.replace(self._box, servers=tuple(rules.servers)))
        return await super().__aenter__()


class MCPApp:
    """Marks classes and functions as temporalio's own decorators do."""

    def __init__(self, name: str = "", **_: Any) -> None:
        self.name = name

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

    def workflow_task(self, function: Any = None, *, name: str | None = None, **_: Any) -> Any:
        """Mark a function, or a method of a workflow, as an activity; a method must not use its ``self``."""
        if function is None:
            return functools.partial(self.workflow_task, name=name)
        first = next(iter(inspect.signature(function).parameters), "")
        if first != "self":
            return activity.defn(name=name)(function)
        return staticmethod(activity.defn(name=name)(_without_self(function)))

    def async_tool(self, name: str | None = None, **_: Any) -> Callable[[Callable[..., Any]], type]:
        """Make a workflow of an async function, under this name or its own."""
        return lambda function: _workflow_of(function, name or function.__name__)


class _Workflow:
    """temporalio's ``workflow`` with the two calls that mcp-agent adds."""

    def __getattr__(self, name: str) -> Any:
        return getattr(temporal, name)

    async def execute_activity(self, step: Any, *args: Any, **options: Any) -> Any:
        """Execute an activity; a method of an agent is awaited, because its calls are steps already."""
        if getattr(step, "__self__", None) is None or not step.__module__.startswith("perdure.flow"):
            return await temporal.execute_activity(step, *args, **options)
        known = {"retry_policy", "start_to_close_timeout"}
        return await step(*args, **{name: value for name, value in options.items() if name in known})

    async def signal_wait(self, name: str) -> Any:
        """Wait for a signal, and return its argument if it has one.

        Each signal is taken once, in the order in which they came; those that came before the wait count too.
        """
        args = await Run.current().mailboxes.take(name)
        return args[0] if args else None


workflow: Final = cast("Any", _Workflow())


def _without_self(function: Callable[..., Any]) -> Callable[..., Any]:
    signature = inspect.signature(function)

    async def step(*args: Any) -> Any:
        result = function(None, *args)
        return await result if inspect.isawaitable(result) else result

    return _with_signature(step, function, list(signature.parameters.values())[1:], function.__qualname__)


def _workflow_of(function: Callable[..., Any], name: str) -> type:
    parameters = list(inspect.signature(function).parameters.values())

    async def run(self: Any, *args: Any) -> Any:  # noqa: ARG001 (the run method of a workflow has a self)
        return await function(*args)

    own = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    _with_signature(run, function, [own, *parameters], f"{function.__name__}.run")
    body = {
        "__module__": function.__module__,
        "__qualname__": function.__name__,  # the sandbox finds the class in the place of the function
        "__doc__": function.__doc__,
        "run": temporal.run(run),
    }
    return temporal.defn(name=name)(type(function.__name__, (), body))


def _with_signature(
    function: Any, like: Callable[..., Any], parameters: list[inspect.Parameter], path: str
) -> Callable[..., Any]:
    """Give a function the signature of another: temporalio decodes arguments by it."""
    function.__signature__ = inspect.signature(like).replace(parameters=parameters)
    function.__wrapped__ = like  # so that its annotations are looked up where they were written
    function.__annotations__ = like.__annotations__
    function.__module__, function.__qualname__ = like.__module__, path
    function.__name__, function.__doc__ = path.rpartition(".")[2], like.__doc__
    return cast("Callable[..., Any]", function)

"""The object ``workflow``: temporalio's module with the two calls that programs for mcp-agent add."""

from collections.abc import Callable
from inspect import isroutine
from typing import Any, Final, cast

from temporalio import workflow as temporal

from perdure.connections.temporal_internals import activity_name
from perdure.flow.run import Run

__all__ = ["workflow"]

_OPTIONS: Final = frozenset({"retry_policy", "start_to_close_timeout"})
"""The options of an activity that hold for each step of an agent's method."""


class _Workflow:
    def __getattr__(self, name: str) -> Any:
        return getattr(temporal, name)

    async def execute_activity(self, step: Any, *args: Any, **options: Any) -> Any:
        """Execute an activity; a method of an agent is awaited, because its calls are steps already.

        Raises:
            TypeError: It is neither, or an agent's method is given an option that its steps cannot have.
        """
        if getattr(step, "__self__", None) is not None and step.__module__.startswith("perdure.flow"):
            return await _call_agent(step, *args, **options)
        if isroutine(step) and activity_name(step) is None:
            raise TypeError(
                f"{_path(step)} is not an activity: put @app.workflow_task above it. "
                "A tool of an agent is awaited without execute_activity."
            )
        return await temporal.execute_activity(step, *args, **options)

    async def signal_wait(self, name: str) -> Any:
        """Wait for a signal, and return its argument if it has one.

        Each signal is taken once, in the order in which they came; those that came before the wait count too.
        """
        args = await Run.current().mailboxes.take(name)
        return args[0] if args else None


workflow: Final = cast("Any", _Workflow())


async def _call_agent(method: Callable[..., Any], *positional: Any, args: Any = (), **options: Any) -> Any:
    if refused := sorted(options.keys() - _OPTIONS):
        raise TypeError(
            f"{_path(method)} takes no {', '.join(refused)}: it may be several steps. Give it "
            f"{' and '.join(sorted(_OPTIONS))}, which hold for each of them."
        )
    return await method(*positional, *args, **options)


def _path(function: Any) -> str:
    return str(getattr(function, "__qualname__", function))

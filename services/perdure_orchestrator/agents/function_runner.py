"""Python functions that are tools: found again by their names, and called with arguments of the types they declare."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Iterable
from functools import partial, wraps
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError, validate_call
from pydantic_core import to_json, to_jsonable_python
from temporalio.exceptions import ApplicationError

from perdure.errors import PerdureError
from perdure.flow.messages import FunctionCall, FunctionTool, ToolError, ToolResult
from perdure.values.nearest import nearest

if TYPE_CHECKING:
    from pydantic_ai.tools import ToolDefinition

__all__ = ["FunctionRefused", "Functions"]

_BUILT_IN: Final = "perdure_orchestrator"


class FunctionRefused(PerdureError):
    """There is no such function, or it cannot be called like this: trying again will not help."""


class Functions:
    """Calls functions of the packages whose workflows this worker runs, and no others."""

    def __init__(self, modules: Iterable[str]) -> None:
        self._packages = {name.partition(".")[0] for name in (_BUILT_IN, *modules)}

    def prepared(self, call: FunctionCall) -> Callable[[], Awaitable[ToolResult]]:
        """Find a function and its arguments; what is returned calls it, a plain one in a thread.

        Raises:
            FunctionRefused: It is not there, or takes other arguments; their types are looked at when it is called.
        """
        tool = call.function
        function = self._find(tool)
        left = _left_open(function, tool)
        try:
            given = left.bind(*call.positional, **call.arguments)
        except TypeError as error:
            raise FunctionRefused(_corrected(call, left.parameters, error)) from error
        args, named = (*tool.args, *given.args), {**given.kwargs, **tool.named}
        return partial(_answered, call, function, args, named)

    def described(self, tool: FunctionTool) -> ToolDefinition:
        """Describe a function to a model: its docstring and the JSON Schema of the parameters that are left open."""
        from pydantic_ai import Tool  # noqa: PLC0415 (a slow import: only workers that ask models pay for it)

        function = self._find(tool)

        @wraps(function)
        def shown() -> None: ...

        vars(shown)["__signature__"] = _left_open(function, tool)
        return Tool(shown, takes_ctx=False, name=tool.name).tool_def

    def _find(self, tool: FunctionTool) -> Any:
        if tool.module.partition(".")[0] not in self._packages:
            raise FunctionRefused(
                f"The function {tool.module}.{tool.path} is not in a package of this worker's workflows "
                f"({', '.join(sorted(self._packages))}): name its module in `workflows:` too."
            )
        found: Any = import_module(tool.module)
        for name in tool.path.split("."):
            found = getattr(found, name, None)
        if not callable(found):
            raise FunctionRefused(f"The module {tool.module} has no function {tool.path} on this worker.")
        return found


def _left_open(function: Any, tool: FunctionTool) -> inspect.Signature:
    """Return the parameters that a partial has not bound: nobody else sets what it has."""
    try:
        signature = inspect.signature(partial(function, *tool.args, **tool.named))
    except ValueError as error:
        raise FunctionRefused(f"{tool.name} has no parameters for all that its partial binds.") from error
    left = [parameter for name, parameter in signature.parameters.items() if name not in tool.named]
    return signature.replace(parameters=left)


async def _answered(call: FunctionCall, function: Any, args: tuple[Any, ...], named: dict[str, Any]) -> ToolResult:
    """Call a function.

    Raises:
        FunctionRefused: An argument has another type.
        ApplicationError: It gave what is no JSON; it is not called again.
        Exception: Whatever it raises itself, but for ``ToolError``, which is an answer.
    """
    name = call.function.name
    try:
        result = await _called(function, args, named)
    except ToolError as error:
        return ToolResult(tool=name, call_id=call.call_id, text=str(error), is_error=True)
    try:
        value = to_jsonable_python(result)
    except ValueError as error:
        message = f"The function {name} returned what cannot be written as JSON: {error}"
        raise ApplicationError(message, type="NoJson", non_retryable=True) from error
    text = value if isinstance(value, str) else to_json(value).decode()
    return ToolResult(tool=name, call_id=call.call_id, text=text, structured=value)


async def _called(function: Any, args: tuple[Any, ...], named: dict[str, Any]) -> Any:
    checked = validate_call(function)
    try:
        if inspect.iscoroutinefunction(function):
            return await checked(*args, **named)
        return await asyncio.to_thread(checked, *args, **named)
    except ValidationError as error:
        if error.title != function.__name__:
            raise  # one of the function's own
        raise FunctionRefused(f"{function.__name__} was called with wrong arguments: {error}") from error


def _corrected(call: FunctionCall, parameters: Iterable[str], error: TypeError) -> str:
    for name in call.arguments:
        if name not in parameters:
            return f"{call.function.name} has no parameter {name}{nearest(name, parameters)}"
    return f"{call.function.name}: {error}"

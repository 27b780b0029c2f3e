"""Python functions as tools: found by name, and called with arguments of the types that they declare."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Iterable
from functools import partial, wraps
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError, validate_call
from pydantic_core import to_json, to_jsonable_python
from temporalio.exceptions import ApplicationError

from perdure.errors import PerdureError
from perdure.flow.messages import FunctionCall, FunctionTool, ToolError, ToolResult
from perdure.values.nearest import nearest
from perdure_orchestrator.agents.broken_text import mended_value
from perdure_orchestrator.agents.function_loop import FunctionLoop, until_ended

if TYPE_CHECKING:
    from pydantic_ai.tools import ToolDefinition

__all__ = ["FunctionRefused", "Functions"]

_BUILT_IN: Final = "perdure_orchestrator"


class FunctionRefused(PerdureError):
    """The function does not exist, or does not take these arguments: not retried."""


class Functions:
    """Calls functions of the packages whose workflows this worker runs, and of no others."""

    def __init__(self, modules: Iterable[str]) -> None:
        self._loop = FunctionLoop()
        self._packages = {name.partition(".")[0] for name in (_BUILT_IN, *modules)}

    def prepare(self, call: FunctionCall) -> Callable[[], Awaitable[ToolResult]]:
        """Find the function, bind its arguments, and return a coroutine function that calls it.

        A plain function is called in a thread, a coroutine function in the loop of functions. Argument types are
        checked by the call.

        Raises:
            FunctionRefused: The function does not exist, or has other parameters.
        """
        tool = call.function
        function = self._find(tool)
        signature = _open_signature(function, tool)
        try:
            bound = signature.bind(*call.positional, **call.arguments)
        except TypeError as error:
            raise FunctionRefused(_binding_error(call, signature.parameters, error)) from error
        args, named = (*tool.args, *bound.args), {**bound.kwargs, **tool.named}
        return partial(_tool_result, call, partial(self._checked_call, function, args, named))

    def describe(self, tool: FunctionTool) -> ToolDefinition:
        """Describe the function to a model: its docstring, and the JSON Schema of its open parameters."""
        from pydantic_ai import Tool  # noqa: PLC0415 (a slow import: only workers that call models pay for it)

        function = self._find(tool)

        @wraps(function)
        def stub() -> None: ...

        vars(stub)["__signature__"] = _open_signature(function, tool)
        return Tool(stub, takes_ctx=False, name=tool.name).tool_def

    def _find(self, tool: FunctionTool) -> Any:
        if tool.module.partition(".")[0] not in self._packages:
            raise FunctionRefused(
                f"The function {tool.module}.{tool.path} is not in a package of this worker's workflows "
                f"({', '.join(sorted(self._packages))}): name its module in `workflows:` too."
            )
        found: Any = _module(tool)
        for name in tool.path.split("."):
            found = getattr(found, name, None)
        if not callable(found):
            raise FunctionRefused(f"The module {tool.module} has no function {tool.path} on this worker.")
        return found

    async def _checked_call(self, function: Any, args: tuple[Any, ...], named: dict[str, Any]) -> Any:
        checked = validate_call(function)
        try:
            if inspect.iscoroutinefunction(function):
                return await self._loop.run(checked(*args, **named))
            return await until_ended(asyncio.ensure_future(asyncio.to_thread(checked, *args, **named)))
        except ValidationError as error:
            if error.title != function.__name__:
                raise  # the function's own ValidationError
            raise FunctionRefused(f"{function.__name__} was called with wrong arguments: {error}") from error


def _module(tool: FunctionTool) -> ModuleType:
    try:
        return import_module(tool.module)
    except ImportError as error:
        raise FunctionRefused(f"The module {tool.module} of the function {tool.path} is not here: {error}") from error


def _open_signature(function: Any, tool: FunctionTool) -> inspect.Signature:
    """Return the signature without the parameters that the tool's partial binds: no call may set those."""
    try:
        signature = inspect.signature(partial(function, *tool.args, **tool.named))
    except ValueError as error:
        raise FunctionRefused(f"{tool.name} has no parameters for all that its partial binds.") from error
    unbound = [parameter for name, parameter in signature.parameters.items() if name not in tool.named]
    return signature.replace(parameters=unbound)


async def _tool_result(call: FunctionCall, call_function: Callable[[], Awaitable[Any]]) -> ToolResult:
    """Call the function and return its result.

    Raises:
        FunctionRefused: An argument has the wrong type.
        ApplicationError: The function returned something that is not JSON; not retried.
        Exception: Whatever the function raises, except ``ToolError``, which becomes an error result.
    """
    name = call.function.name
    try:
        result = await call_function()
    except ToolError as error:
        return ToolResult(tool=name, call_id=call.call_id, text=mended_value(str(error)), is_error=True)
    try:
        value = mended_value(to_jsonable_python(result))
    except ValueError as error:
        message = f"The function {name} returned what cannot be written as JSON: {error}"
        raise ApplicationError(message, type="NoJson", non_retryable=True) from error
    text = value if isinstance(value, str) else to_json(value).decode()
    return ToolResult(tool=name, call_id=call.call_id, text=text, structured=value)


def _binding_error(call: FunctionCall, parameters: Iterable[str], error: TypeError) -> str:
    for name in call.arguments:
        if name not in parameters:
            return f"{call.function.name} has no parameter {name}{nearest(name, parameters)}"
    return f"{call.function.name}: {error}"

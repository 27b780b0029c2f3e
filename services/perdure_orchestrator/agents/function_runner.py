"""Python functions that are tools: found again by their names, and called with arguments of the types they declare."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Iterable
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError, validate_call
from pydantic_core import to_json, to_jsonable_python

from perdure.errors import PerdureError
from perdure.flow.tool_call import FunctionCall, FunctionTool, ToolAnswer
from perdure.flow.tool_error import ToolError
from perdure.nearest import nearest

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

    async def call(self, call: FunctionCall) -> ToolAnswer:
        """Call a function; a plain one runs in a thread.

        Raises:
            FunctionRefused: It is not there, or takes other arguments.
            Exception: Whatever it raises itself, but for ``ToolError``, which is an answer.
        """
        function = self._bound(call.function)
        try:
            bound = inspect.signature(function).bind(*call.positional, **call.arguments)
        except TypeError as error:
            raise FunctionRefused(_corrected(call, function, error)) from error
        try:
            result = await _called(function, bound)
        except ToolError as error:
            return ToolAnswer(tool=call.function.name, call_id=call.call_id, text=str(error), is_error=True)
        value = to_jsonable_python(result)
        text = value if isinstance(value, str) else to_json(value).decode()
        return ToolAnswer(tool=call.function.name, call_id=call.call_id, text=text, structured=value)

    def described(self, tool: FunctionTool) -> ToolDefinition:
        """Describe a function to a model: its docstring and the JSON Schema of its parameters."""
        from pydantic_ai import Tool  # noqa: PLC0415 (a slow import: only workers that ask models pay for it)

        return Tool(self._bound(tool), takes_ctx=False, name=tool.name).tool_def

    def _bound(self, tool: FunctionTool) -> Any:
        function = self._find(tool)
        return partial(function, *tool.args, **tool.named) if tool.args or tool.named else function

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


async def _called(function: Any, bound: inspect.BoundArguments) -> Any:
    inner = function.func if isinstance(function, partial) else function
    checked = validate_call(inner)
    if isinstance(function, partial):
        checked = partial(checked, *function.args, **function.keywords)
    try:
        if inspect.iscoroutinefunction(inner):
            return await checked(*bound.args, **bound.kwargs)
        return await asyncio.to_thread(checked, *bound.args, **bound.kwargs)
    except ValidationError as error:
        if error.title != inner.__name__:
            raise  # one of the function's own
        raise FunctionRefused(f"{inner.__name__} was called with wrong arguments: {error}") from error


def _corrected(call: FunctionCall, function: Any, error: TypeError) -> str:
    parameters = inspect.signature(function).parameters
    for name in call.arguments:
        if name not in parameters:
            return f"{call.function.name} has no parameter {name}{nearest(name, parameters)}"
    return f"{call.function.name}: {error}"

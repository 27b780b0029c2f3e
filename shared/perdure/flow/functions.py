"""Python functions as tools: described by module and name, because they run as activities on a worker."""

import inspect
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from pydantic_core import to_jsonable_python

from perdure.flow.messages import FunctionTool

__all__ = ["function_tools"]


def function_tools(functions: Iterable[Callable[..., Any]]) -> dict[str, FunctionTool]:
    """Describe functions, by tool name.

    Raises:
        TypeError: Another process cannot find a function again, or two have the same name.
    """
    described: dict[str, FunctionTool] = {}
    for function in functions:
        tool = _function_tool(function)
        if described.setdefault(tool.name, tool) is not tool:
            raise TypeError(f"Two functions are called {tool.name}: set the __name__ of a partial, or rename one.")
    return described


def _function_tool(function: Callable[..., Any]) -> FunctionTool:
    args: tuple[Any, ...] = ()
    named: dict[str, Any] = {}
    name = getattr(function, "__name__", None)
    while isinstance(function, partial):
        args, named = (*function.args, *args), {**function.keywords, **named}
        function = function.func
    path = getattr(function, "__qualname__", "")
    if not path or "<" in path:
        raise TypeError(
            f"{function!r} cannot be a tool: a worker finds a function again by its module and name, so define it with "
            "`def` at the top level of a module."
        )
    if inspect.ismethod(function) and not inspect.isclass(function.__self__):
        raise TypeError(f"{path} cannot be a tool as a method of an object: on a worker there is no such object.")
    return FunctionTool(
        name=name or function.__name__,
        module=function.__module__,
        path=path,
        args=tuple(to_jsonable_python(args)),
        named=to_jsonable_python(named),
    )

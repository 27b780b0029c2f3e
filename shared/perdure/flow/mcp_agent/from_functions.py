"""Makes a workflow of an async function, and an activity of a method of a workflow class."""

import inspect
from collections.abc import Callable
from typing import Any, cast

from temporalio import workflow as temporal

__all__ = ["without_self", "workflow_of"]


def without_self(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a method as a function of its arguments but ``self``, which is None."""
    signature = inspect.signature(function)

    async def step(*args: Any) -> Any:
        result = function(None, *args)
        return await result if inspect.isawaitable(result) else result

    return _with_signature(step, function, list(signature.parameters.values())[1:], function.__qualname__)


def workflow_of(function: Callable[..., Any], name: str) -> type:
    """Return a workflow class of this name whose run method is the function."""
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

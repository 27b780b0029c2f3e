"""Binding of a tool call's arguments to the parameters that the tool declares."""

from collections.abc import Mapping
from typing import Any

from pydantic import JsonValue

from perdure.values.nearest import nearest
from perdure_orchestrator.agents.model_tools import object_schema

__all__ = ["WrongArguments", "bind_tool_arguments"]


class WrongArguments(ValueError):
    """The arguments do not fit the tool; the message names the nearest parameter."""


def bind_tool_arguments(
    tool: str, schema: Mapping[str, Any], arguments: Mapping[str, JsonValue], positional: tuple[JsonValue, ...] = ()
) -> dict[str, JsonValue]:
    """Return the arguments by name.

    Args:
        tool: Its name, for error messages.
        schema: JSON Schema of its parameters; their order is that of positional arguments.
        arguments: By name.
        positional: Without names.

    Raises:
        WrongArguments: One is unknown, given twice, or missing.
    """
    shape = object_schema(schema)
    parameters: dict[str, Any] = shape["properties"]
    if len(positional) > len(parameters):
        takes = f"{len(parameters)} arguments" if parameters else "arguments by name"
        raise WrongArguments(f"{tool} takes {takes}, and was given {len(positional)} without names")
    unnamed = dict(zip(parameters, positional, strict=False))
    if twice := unnamed.keys() & arguments.keys():
        raise WrongArguments(f"{tool} was given {min(twice)} twice")
    given = {**unnamed, **arguments}
    if not _takes_any(shape):
        for name in given:
            if name not in parameters:
                raise WrongArguments(f"{tool} has no parameter {name}{nearest(name, parameters)}")
    if missing := [name for name in shape["required"] if name not in given]:
        raise WrongArguments(f"{tool} needs {', '.join(missing)}")
    return given


def _takes_any(shape: Mapping[str, Any]) -> bool:
    """Return whether a tool takes parameters that it does not list.

    JSON Schema's default is that it does; but where some are listed, most others are typos.
    """
    if shape.get("patternProperties"):
        return True  # the server's pattern is not evaluated here: it may take for ever
    if "additionalProperties" in shape:
        return shape["additionalProperties"] is not False
    return not shape["properties"]

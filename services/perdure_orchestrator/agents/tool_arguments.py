"""Binding of a tool call's arguments to the parameters that the tool declares."""

from collections.abc import Mapping
from typing import Any

from pydantic import JsonValue

from perdure.values.nearest import nearest

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
    parameters: dict[str, Any] = schema.get("properties") or {}
    if len(positional) > len(parameters):
        raise WrongArguments(f"{tool} takes {len(parameters)} arguments, and was given {len(positional)}")
    unnamed = dict(zip(parameters, positional, strict=False))
    if twice := unnamed.keys() & arguments.keys():
        raise WrongArguments(f"{tool} was given {min(twice)} twice")
    given = {**unnamed, **arguments}
    if not schema.get("additionalProperties"):  # JSON Schema's default is true, but then most typos would pass
        for name in given:
            if name not in parameters:
                raise WrongArguments(f"{tool} has no parameter {name}{nearest(name, parameters)}")
    if missing := [name for name in schema.get("required", ()) if name not in given]:
        raise WrongArguments(f"{tool} needs {', '.join(missing)}")
    return given

"""The tools of an agent as its model sees them: with names and schemas that every provider accepts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pydantic_ai.tools import ToolDefinition

__all__ = ["ModelTools", "object_schema"]

_ALLOWED: Final = re.compile(r"[a-zA-Z0-9_-]{1,64}")  # OpenAI's and Anthropic's rule for the name of a function
_CHOICES: Final = ("oneOf", "anyOf", "allOf")
_DEEPEST: Final = 5  # choices within choices
_MOST_OF_NAME: Final = 55  # characters of a name that is replaced; a digest follows


class ModelTools:
    """The tools of one request.

    Args:
        tools: With the names and schemas of their servers.

    Attributes:
        definitions: The same for the provider.
    """

    def __init__(self, tools: Iterable[ToolDefinition]) -> None:
        self._names: dict[str, str] = {}
        self.definitions: list[ToolDefinition] = []
        for tool in tools:
            name = _model_name(tool.name)
            self._names[name] = tool.name
            schema = object_schema(tool.parameters_json_schema)
            self.definitions.append(replace(tool, name=name, parameters_json_schema=schema))

    def own_name(self, name: str) -> str:
        """Return the name under which the agent knows a tool that the model called."""
        return self._names.get(name, name)


def _model_name(name: str) -> str:
    if _ALLOWED.fullmatch(name):
        return name
    plain = re.sub(r"[^a-zA-Z0-9_-]", "_", name)[:_MOST_OF_NAME]
    return f"{plain}_{sha256(name.encode(errors='backslashreplace')).hexdigest()[:8]}"


def object_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a schema of an object with properties at its top, without a reference or a choice there.

    JSON Schema needs neither ``type`` nor ``properties``; providers refuse tools without them, and choices at the top.
    """
    return _merged(schema, schema, _DEEPEST)


def _merged(schema: Mapping[str, Any], root: Mapping[str, Any], depth: int) -> dict[str, Any]:
    found = _resolved(schema, root)
    choices = [
        _merged(choice, root, depth - 1)
        for word in _CHOICES
        for choice in _list(found.get(word))
        if isinstance(choice, Mapping) and depth > 0  # a choice may refer to the whole
    ]
    properties: dict[str, Any] = {}
    for part in [*choices, found]:
        properties |= part["properties"] if isinstance(part.get("properties"), Mapping) else {}
    plain = {word: value for word, value in found.items() if word not in {*_CHOICES, "not", "enum"}}
    required = [name for name in _required(found, choices) if isinstance(name, str)]
    return {**_definitions(root), **plain, "type": "object", "properties": properties, "required": required}


def _required(schema: Mapping[str, Any], choices: Sequence[Mapping[str, Any]]) -> list[Any]:
    """Return what is required whichever choice is taken; with ``allOf`` that is all that any part requires."""
    required = _list(schema.get("required"))
    if choices:
        combine = set.union if "allOf" in schema else set.intersection
        required += sorted(combine(*(set(choice["required"]) for choice in choices)) - {*filter(_is_text, required)})
    return required


def _resolved(schema: Mapping[str, Any], root: Mapping[str, Any]) -> dict[str, Any]:
    """Return a schema in place of the local reference that it is."""
    seen: set[str] = set()
    found = dict(schema)
    while isinstance(reference := found.pop("$ref", None), str) and reference not in seen:
        seen.add(reference)
        target: Any = root
        for token in filter(None, reference.removeprefix("#").split("/")):
            target = target.get(token.replace("~1", "/").replace("~0", "~")) if isinstance(target, Mapping) else None
        found = {**(target if isinstance(target, Mapping) else {}), **found}
    return found


def _definitions(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {word: schema[word] for word in ("$defs", "definitions") if word in schema}


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else []


def _is_text(value: Any) -> bool:
    return isinstance(value, str)

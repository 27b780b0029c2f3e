"""The tools of an agent as its model sees them: with names and schemas that every provider accepts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pydantic_ai.tools import ToolDefinition

__all__ = ["ModelTools", "object_schema"]

_ALLOWED: Final = re.compile(r"[a-zA-Z0-9_-]{1,64}")  # OpenAI's and Anthropic's rule for the name of a function
_CHOICES: Final = ("oneOf", "anyOf", "allOf")
_DEEPEST: Final = 5  # choices within choices
_MOST_MERGED: Final = 200  # parts of one schema: few choices that refer to the whole are already too many
_MOST_OF_NAME: Final = 55  # characters of a name that is replaced; a digest follows

_Part = tuple[dict[str, Any], list[str]]
"""Properties by name, and the names that are required."""


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
            schema = _taken(object_schema(tool.parameters_json_schema))
            self.definitions.append(replace(tool, name=name, parameters_json_schema=schema))

    def own_name(self, name: str) -> str:
        """Return the name under which the agent knows a tool that the model called."""
        return self._names.get(name, name)


def _model_name(name: str) -> str:
    if _ALLOWED.fullmatch(name):
        return name
    plain = re.sub(r"[^a-zA-Z0-9_-]", "_", name)[:_MOST_OF_NAME]
    return f"{plain}_{sha256(name.encode(errors='backslashreplace')).hexdigest()[:8]}"


def _taken(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema; an object of anything in place of one that is no JSON Schema: the tool's server checks it."""
    from pydantic_ai import InlineDefsJsonSchemaTransformer  # noqa: PLC0415 (a slow import: only for models)
    from pydantic_ai.exceptions import UserError  # noqa: PLC0415 (likewise)

    try:
        InlineDefsJsonSchemaTransformer(schema).walk()
    except (UserError, RecursionError):  # for one tool it would refuse the request with all others
        return {"type": "object", "properties": {}}
    return schema


def object_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a schema of an object with properties at its top, without a reference or a choice there.

    JSON Schema needs neither ``type`` nor ``properties``; providers refuse tools without them, and choices at the top.
    The schema's own properties come first.
    """
    top = _resolved(schema, schema)
    properties, required = _Parts(schema).of(schema, _DEEPEST)
    plain = {word: value for word, value in top.items() if word not in {*_CHOICES, "not", "enum"}}
    return {**_definitions(schema), **plain, "type": "object", "properties": properties, "required": required}


class _Parts:
    """Merges the properties of a schema's choices, and the names that it requires whichever of them is taken."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root
        self._left = _MOST_MERGED

    def of(self, schema: Any, depth: int) -> _Part:
        """Return a part, an empty one for what is no object."""
        self._left -= 1
        if not isinstance(schema, Mapping):
            return {}, []
        found = _resolved(schema, self._root)
        choices = {word: self._choices(_list(found.get(word)), depth - 1) for word in _CHOICES}
        own = found["properties"] if isinstance(found.get("properties"), Mapping) else {}
        merged: dict[str, Any] = dict(own)
        for properties, _ in chain(*choices.values()):
            merged |= properties
        return merged | own, _required(found, choices)

    def _choices(self, schemas: Sequence[Any], depth: int) -> list[_Part]:
        parts: list[_Part] = []
        for schema in schemas:
            if depth < 0 or not self._left:  # a choice may refer to the whole
                return [*parts, ({}, [])]  # those that are left out may require nothing
            parts.append(self.of(schema, depth))
        return parts


def _required(schema: Mapping[str, Any], choices: Mapping[str, Sequence[_Part]]) -> list[str]:
    """Return what is required whichever choice is taken; with ``allOf`` that is all that any part requires."""
    own = [name for name in _list(schema.get("required")) if isinstance(name, str)]
    more = set[str]()
    for word, parts in choices.items():
        if names := [set(required) for _, required in parts]:
            more |= set.union(*names) if word == "allOf" else set.intersection(*names)
    return [*own, *sorted(more.difference(own))]


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


def _list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else ()

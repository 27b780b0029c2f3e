"""The parts of a JSON Schema that a comparison looks at."""

import json
from typing import Any, Final

__all__ = ["LOWER_LIMITS", "UPPER_LIMITS", "Schema", "alternatives", "inlined", "others", "part", "words"]

Schema = dict[str, Any]

LOWER_LIMITS: Final = ("exclusiveMinimum", "minItems", "minLength", "minProperties", "minimum")
UPPER_LIMITS: Final = ("exclusiveMaximum", "maxItems", "maxLength", "maxProperties", "maximum")

_FOR_PEOPLE: Final = {"$defs", "$schema", "default", "deprecated", "description", "examples", "title"}
_NESTED: Final = {"additionalProperties", "const", "enum", "items", "properties", "required", "type"}
_APART: Final = _FOR_PEOPLE | _NESTED | {*LOWER_LIMITS, *UPPER_LIMITS}


def inlined(schema: Schema) -> Schema:
    """Put each definition where it is referred to; one that refers to itself stays a reference."""
    whole: Schema = _inlined(schema, schema.get("$defs", {}), ())
    return whole


def _inlined(node: Any, definitions: dict[str, Schema], within: tuple[str, ...]) -> Any:
    if isinstance(node, list):
        return [_inlined(item, definitions, within) for item in node]
    if not isinstance(node, dict):
        return node
    name = str(node.get("$ref", "")).removeprefix("#/$defs/")
    if name in definitions and name not in within:
        beside = {key: value for key, value in node.items() if key != "$ref"}
        return _inlined({**definitions[name], **beside}, definitions, (*within, name))
    return {key: _inlined(value, definitions, within) for key, value in node.items()}


def alternatives(schema: Schema) -> dict[str, Schema]:
    """Return what a value may be, by kind; the first of several objects is ``object``, others have their titles too."""
    found: dict[str, Schema] = {}
    for choice in schema.get("anyOf") or schema.get("oneOf") or [schema]:
        kinds = choice.get("type", _untyped(choice))
        for kind in kinds if isinstance(kinds, list) else [kinds]:
            found[f"{kind} {choice.get('title', len(found))}" if kind in found else kind] = choice
    return found


def _untyped(schema: Schema) -> str:
    constraints = schema.keys() - _FOR_PEOPLE
    if not constraints:
        return "anything"
    return "one of some words" if constraints <= {"const", "enum"} else "something of its own kind"


def words(schema: Schema) -> frozenset[str] | None:
    """Return the only values that are taken, as JSON; none if any is."""
    values = [schema["const"]] if "const" in schema else schema.get("enum")
    return None if values is None else frozenset(json.dumps(value, sort_keys=True) for value in values)


def part(schema: Schema, name: str) -> Schema:
    """Return the schema of what lies inside, anything if that is not said."""
    inside: Schema | bool = schema.get(name, True)
    if isinstance(inside, bool):
        return {} if inside else {"not": {}}
    return inside


def others(schema: Schema) -> Schema:
    """Return the constraints that have no rule of their own, such as a pattern."""
    return {key: value for key, value in schema.items() if key not in _APART}

"""The parts of a JSON Schema that the compatibility check compares."""

import json
from typing import Any, Final

from perdure.contracts.open_words import KNOWN_WORDS

__all__ = [
    "LOWER_LIMITS",
    "UPPER_LIMITS",
    "Schema",
    "allowed_values",
    "alternatives",
    "inlined",
    "known_values",
    "other_constraints",
    "subschema",
]

Schema = dict[str, Any]

LOWER_LIMITS: Final = ("exclusiveMinimum", "minItems", "minLength", "minProperties", "minimum")
UPPER_LIMITS: Final = ("exclusiveMaximum", "maxItems", "maxLength", "maxProperties", "maximum")

_ANNOTATIONS: Final = {
    *("$defs", "$id", "$schema", "default", "deprecated", "description", "examples", "title"),
    KNOWN_WORDS,
}
_NESTED: Final = {"additionalProperties", "const", "enum", "items", "properties", "required", "type"}
_COMPARED_APART: Final = _ANNOTATIONS | _NESTED | {*LOWER_LIMITS, *UPPER_LIMITS}


def inlined(schema: Schema) -> Schema:
    """Replace each reference by its definition; a recursive one stays a reference."""
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
    """Return the alternatives of a schema by kind: a JSON type, for all but the first object with its title."""
    found: dict[str, Schema] = {}
    for choice in schema.get("anyOf") or schema.get("oneOf") or [schema]:
        kinds = choice.get("type", _untyped(choice))
        for kind in kinds if isinstance(kinds, list) else [kinds]:
            found[f"{kind} {choice.get('title', len(found))}" if kind in found else kind] = choice
    return found


def _untyped(schema: Schema) -> str:
    constraints = schema.keys() - _ANNOTATIONS
    if not constraints:
        return "anything"
    return "an enumerated value" if constraints <= {"const", "enum"} else "a value with constraints of its own"


def allowed_values(schema: Schema) -> frozenset[str] | None:
    """Return the values of an enumeration as JSON; None if the schema is not one."""
    values = [schema["const"]] if "const" in schema else schema.get("enum")
    return None if values is None else frozenset(json.dumps(value, sort_keys=True) for value in values)


def known_values(schema: Schema) -> frozenset[str] | None:
    """Return the values that an open enumeration lists as JSON; None if the schema is not one."""
    words = schema.get(KNOWN_WORDS)
    return None if words is None else frozenset(json.dumps(word) for word in words)


def subschema(schema: Schema, name: str) -> Schema:
    """Return the schema under a keyword, such as ``items``; by default one that accepts anything."""
    inside: Schema | bool = schema.get(name, True)
    if isinstance(inside, bool):
        return {} if inside else {"not": {}}
    return inside


def other_constraints(schema: Schema) -> Schema:
    """Return the constraints that have no compatibility rule of their own, such as ``pattern``."""
    return {key: value for key, value in schema.items() if key not in _COMPARED_APART}

"""The fields of a form, from a JSON Schema of an object; and the object, from the filled form."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import JsonValue

from perdure.errors import WrongArgument

__all__ = ["FormField", "data_in", "fields_of"]

_PREFIX: Final = "data."
_PLAIN: Final = ("string", "integer", "number", "boolean")


@dataclass(frozen=True, slots=True)
class FormField:
    """One property of the object.

    Attributes:
        key: Its name in the data.
        kind: ``string``, ``integer``, ``number``, ``boolean``, ``choice``, or ``json`` for all others.
        required: Whether the schema requires it.
        hint: What the schema says about it.
        choices: The values of a ``choice``, as JSON.
        default: Its default, as it stands in the form.
    """

    key: str
    kind: str
    required: bool
    hint: str
    choices: tuple[str, ...] = ()
    default: str = ""

    @property
    def name(self) -> str:
        """Its name in the form."""
        return f"{_PREFIX}{self.key}"


def fields_of(schema: Mapping[str, Any]) -> list[FormField]:
    """Return the fields of an object's schema, in its order."""
    required = schema.get("required", ())
    return [
        _field(name, it if isinstance(it, dict) else {}, name in required) for name, it in schema["properties"].items()
    ]


def data_in(schema: Mapping[str, Any], form: Mapping[str, str]) -> JsonValue:
    """Return the object that a filled form describes; an optional field that is empty is left out.

    Raises:
        WrongArgument: A field does not hold what its type says.
    """
    data: dict[str, JsonValue] = {}
    for field in fields_of(schema):
        text = form.get(field.name, "").strip()
        if text or (field.required and field.kind == "string"):
            data[field.key] = _value(field, text)
    return data


def _field(key: str, schema: Mapping[str, Any], required: bool) -> FormField:
    choices = tuple(json.dumps(it) for it in schema.get("enum", ()))
    kind = "choice" if choices else schema.get("type") if schema.get("type") in _PLAIN else "json"
    default = schema.get("default")
    text = default if isinstance(default, str) and kind == "string" else "" if default is None else json.dumps(default)
    return FormField(key, str(kind), required, str(schema.get("description") or ""), choices, text)


def _value(field: FormField, text: str) -> JsonValue:
    if field.kind == "string":
        return text
    try:
        value: JsonValue = json.loads(text)
    except ValueError as error:
        raise WrongArgument(f"{field.key}: {text} is no {field.kind}.") from error
    return value

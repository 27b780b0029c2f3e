"""Fills a JSON Schema with facts. A field without a known fact stays blank rather than being guessed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from perdure_offline.facts import Facts, Grade, Listing, normalised

__all__ = ["fill"]

Schema = Mapping[str, Any]

_BLANK: Final = "unknown"  # where an empty string is not allowed
# If no member of an enum is known to be right, one that means "undecided" is better than the first one.
_UNDECIDED: Final = ("unknown", "unspecified", "neutral", "other", "none")


def fill(schema: Schema, facts: Facts) -> Any:
    """Return a value that fits the schema, with the fact for each field name."""
    return _Form(schema).fit(schema, facts)


@dataclass(frozen=True, slots=True)
class _Form:
    whole: Schema

    def fit(self, schema: Schema, fact: Any) -> Any:
        """Return the fact in the shape of the schema; None is no fact."""
        schema = self._resolved(schema, known=fact is not None)
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return _choice(schema["enum"], fact)
        return _SHAPES[schema.get("type", "object" if "properties" in schema else "string")](self, schema, fact)

    def _resolved(self, schema: Schema, *, known: bool) -> Schema:
        if "$ref" in schema:
            return self._resolved(self._definition(schema["$ref"]), known=known)
        if options := _options(schema):
            return self._resolved(_option(options, known=known), known=known)
        return schema

    def _definition(self, pointer: str) -> Schema:
        found: Any = self.whole
        for step in pointer.removeprefix("#").strip("/").split("/"):
            found = found[step]
        return found  # type: ignore[no-any-return] # a schema is JSON


def _options(schema: Schema) -> Sequence[Schema]:
    if isinstance(schema.get("type"), list):
        return [{**schema, "type": name} for name in schema["type"]]
    return schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf") or ()


def _option(options: Sequence[Schema], *, known: bool) -> Schema:
    fitting = [option for option in options if (option.get("type") == "null") is not known]
    return (fitting or options)[0]


def _object(form: _Form, schema: Schema, fact: Any) -> dict[str, Any]:
    facts = {name: _part(fact, name) for name in schema.get("properties", {})}
    wanted = {name for name in facts if facts[name] is not None} | set(schema.get("required", ()))
    return {name: form.fit(schema["properties"][name], facts[name]) for name in facts if name in wanted}


def _part(fact: Any, name: str) -> Any:
    match fact:
        case Facts():
            return fact.for_field(name)
        case dict():
            return fact.get(normalised(name))
        case _:
            return None


def _array(form: _Form, schema: Schema, fact: Any) -> list[Any]:
    items = _items(fact)
    missing = max(schema.get("minItems", 0) - len(items), 0)
    return [form.fit(schema.get("items", {}), item) for item in (*items, *[None] * missing)][: schema.get("maxItems")]


def _items(fact: Any) -> tuple[Any, ...]:
    if isinstance(fact, Facts | Listing):
        return fact.items
    return () if fact is None else (fact,)


def _string(_form: _Form, schema: Schema, fact: Any) -> str:
    text = _as_text(fact)
    if len(text) < schema.get("minLength", 0):
        text = (text or _BLANK).ljust(schema["minLength"])
    return text[: schema.get("maxLength")]


def _as_text(fact: Any) -> str:
    match fact:
        case None:
            return ""
        case Facts() | Listing():
            return fact.text
        case Grade():
            return f"{fact.value:+.2f}"
        case dict():
            return _as_text(fact["text"])
        case _:
            return str(fact)


def _number(_form: _Form, schema: Schema, fact: Any) -> float:
    low, high = schema.get("minimum"), schema.get("maximum")
    match fact:
        case Grade() if low is not None and high is not None:
            return fact.between(low, high)
        case Grade():
            return fact.value
        case int() | float():
            return fact
        case _:
            return _nearest_to_zero(schema)


def _nearest_to_zero(schema: Schema) -> float:
    low: float = schema.get("minimum", schema.get("exclusiveMinimum", -1) + 1)
    high: float = schema.get("maximum", schema.get("exclusiveMaximum", 1) - 1)
    return max(low, min(0, high))


def _choice(options: Sequence[Any], fact: Any) -> Any:
    spelled = {normalised(str(option)): option for option in options}
    for word in (normalised(_as_text(fact)), *_UNDECIDED):
        if word in spelled:
            return spelled[word]
    return options[0]


_SHAPES: Final[dict[str, Callable[[_Form, Schema, Any], Any]]] = {
    "array": _array,
    "boolean": lambda *_: False,
    "integer": lambda form, schema, fact: round(_number(form, schema, fact)),
    "null": lambda *_: None,
    "number": _number,
    "object": _object,
    "string": _string,
}

"""Describes the types and defaults of configuration keys to people."""

import types
from datetime import time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel, ByteSize, HttpUrl
from pydantic.fields import FieldInfo

from perdure.values.duration import duration_text
from perdure.values.rate import Rate

__all__ = ["default_text", "sections_in", "type_text"]

_PLAIN: Final[dict[Any, str]] = {
    str: "text",
    int: "whole number",
    float: "number",
    Decimal: "number",
    bool: "`true` or `false`",
    Path: "path",
    HttpUrl: "URL",
    timedelta: "duration",
    ByteSize: "size",
    time: "time of day",
    Rate: "rate",
}
_BOUNDS: Final = ((Ge, "ge", "from {}"), (Gt, "gt", "above {}"), (Le, "le", "to {}"), (Lt, "lt", "below {}"))


def type_text(field: FieldInfo) -> str:
    """Return what a key takes, in Markdown: ``whole number from 1 to 5``."""
    return " ".join(dict.fromkeys([_of(field.annotation), *_bounds(field.metadata)]))


def default_text(field: FieldInfo) -> str:
    """Return the value of a key that is not given, in Markdown; empty if there is none."""
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if value is None or value in ({}, (), "") or isinstance(value, BaseModel):
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        return f"`[{', '.join(map(str, value))}]`"
    if isinstance(value, timedelta):
        return f"`{duration_text(value)}`"
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


def sections_in(annotation: Any) -> list[tuple[str, type[BaseModel]]]:
    """Return the sections that a key holds, each with what leads to it: nothing, a name, or a place in a list."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [] if annotation in _PLAIN else [("", annotation)]
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is dict:
        return [(f".<name>{path}", section) for path, section in sections_in(parts[1])]
    if origin is tuple:
        return [(f"[]{path}", section) for path, section in sections_in(parts[0])]
    return [found for part in parts if origin is not Literal for found in sections_in(part)]


def _of(annotation: Any) -> str:
    origin, parts = get_origin(annotation), get_args(annotation)
    match origin:
        case _ if annotation in _PLAIN:
            text = _PLAIN[annotation]
        case _ if origin is Annotated:
            text = " ".join([_of(parts[0]), *_bounds(parts[1:])])
        case _ if origin is Literal:
            text = " or ".join(f"`{part}`" for part in parts)
        case _ if origin in {Union, types.UnionType}:
            text = " or ".join(_without_general([_of(part) for part in parts if part is not type(None)]))
        case _ if origin is tuple:
            text = f"list of {_of(parts[0])}"
        case _ if origin is dict:
            text = f"map of names to {_of(parts[1])}"
        case _:
            text = "section" if sections_in(annotation) else "value"
    return text


def _without_general(texts: list[str]) -> list[str]:
    """Return each text once, and none that another one makes more exact."""
    return [text for text in dict.fromkeys(texts) if not any(other.startswith(f"{text} ") for other in texts)]


def _bounds(metadata: Any) -> list[str]:
    found = [(item, kind, name, text) for item in metadata for kind, name, text in _BOUNDS if isinstance(item, kind)]
    return [text.format(f"{getattr(item, name):,}") for item, _, name, text in found]

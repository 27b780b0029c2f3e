"""Moves what docstrings say about fields to the fields of a JSON Schema."""

import re
from collections.abc import Iterator
from inspect import cleandoc
from typing import Any, Final

from pydantic import BaseModel

__all__ = ["describe_fields", "summary"]

_ATTRIBUTES: Final = "\nAttributes:\n"
_FIELD: Final = re.compile(r"^ {4}(\w+): (.*(?:\n {8}.*)*)", re.MULTILINE)
_OF_EVERY_MESSAGE: Final = {"type": "The message type, with which the subject begins."}


def summary(model: type[BaseModel]) -> str:
    """Return the first line of a model's docstring."""
    return _plain(cleandoc(model.__doc__ or "").partition("\n")[0])


def describe_fields(schema: dict[str, Any], model: type[BaseModel]) -> dict[str, Any]:
    """Return a schema whose objects and fields are described as in the docstrings of the models.

    The titles that pydantic makes of field names are left out: programs that generate types take them for names.

    Args:
        schema: The schema of the model, with those of inner models in ``$defs``.
        model: The model, which has the descriptions of inherited fields from its bases.
    """
    inner = {name: _described(part, part.get("description", "")) for name, part in schema.get("$defs", {}).items()}
    whole = _described(schema, *_docstrings(model))
    return {**whole, **({"$defs": inner} if inner else {})}


def _docstrings(model: type[BaseModel]) -> Iterator[str]:
    """Yield the docstring of a model, then those of its bases."""
    for base in model.__mro__:
        if issubclass(base, BaseModel) and base is not BaseModel:
            yield cleandoc(base.__doc__ or "")


def _described(schema: dict[str, Any], docstring: str, *inherited: str) -> dict[str, Any]:
    text = _plain(docstring.partition(_ATTRIBUTES)[0].strip())
    known = dict(_OF_EVERY_MESSAGE)
    for one in (*reversed(inherited), docstring):
        known |= {
            name: " ".join(_plain(meaning).split()) for name, meaning in _FIELD.findall(one.partition(_ATTRIBUTES)[2])
        }
    described = {**schema, **({"description": text} if text else {})}
    if "properties" in schema:
        described["properties"] = {name: _field(part, known.get(name)) for name, part in schema["properties"].items()}
    return described


def _field(schema: dict[str, Any], description: str | None) -> dict[str, Any]:
    untitled = {name: value for name, value in schema.items() if name != "title"}
    return untitled if description is None else {**untitled, "description": description}


def _plain(text: str) -> str:
    return text.replace("``", "`")

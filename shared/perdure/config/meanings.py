"""Reads what each key of the configuration means from the docstrings of the settings models."""

import re
from inspect import cleandoc

from pydantic import BaseModel

__all__ = ["key_meanings", "summary"]

_ENTRY = re.compile(r"    (\w+): (.*)")


def summary(model: type[BaseModel]) -> str:
    """Return what a section is for: its docstring without the list of attributes, as one line of Markdown."""
    documented = next(base for base in model.__mro__ if base.__doc__ and not base.__name__.startswith("_"))
    return _markdown(cleandoc(documented.__doc__ or "").partition("\n\nAttributes:")[0])


def key_meanings(model: type[BaseModel]) -> dict[str, str]:
    """Return the meaning of each key that the docstring of a section or of its bases describes, in Markdown."""
    meanings: dict[str, str] = {}
    for base in reversed(model.__mro__):
        meanings |= _entries(cleandoc(base.__doc__ or ""))
    return meanings


def _entries(docstring: str) -> dict[str, str]:
    """Parse the part ``Attributes:`` of a docstring in Google's style."""
    entries: dict[str, str] = {}
    name = ""
    for line in docstring.partition("\nAttributes:\n")[2].splitlines():
        if entry := _ENTRY.fullmatch(line):
            name = entry[1]
            entries[name] = entry[2]
        elif name and line.startswith("        "):
            entries[name] += f" {line.strip()}"
    return {name: _markdown(text) for name, text in entries.items()}


def _markdown(text: str) -> str:
    return " ".join(text.replace("``", "`").replace("|", r"\|").split())

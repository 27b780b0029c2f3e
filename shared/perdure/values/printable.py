"""Makes text from outside safe to show on a terminal, in a mail and on a page."""

from __future__ import annotations  # pydantic is slow to import, and error messages must not wait for it

import json
import re
import unicodedata
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pydantic import JsonValue

__all__ = ["as_text", "indented", "one_line", "printable", "quoted"]

_KEPT: Final = frozenset("\n\t")
_CONTROL_CATEGORIES: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_SPACE: Final = re.compile(r"[ \t\n]+")


def printable(text: str) -> str:
    r"""Escape the characters that a terminal acts on instead of showing them, as JSON does: ``\u001b``.

    These are control characters except line feed and tab, and characters that reverse the direction of text (Unicode's
    general categories Cc, Cf, Cs, Zl, Zp): with them a title could hide what it requests. JSON stays the same JSON.
    """
    if text.isprintable():
        return text
    return "".join(_escaped(char) for char in text)


def one_line(text: str) -> str:
    """Return a title, name or reason as one printable line: spaces, tabs and line feeds in a row become one space.

    With a line feed, or with spaces up to the edge of the window, a title could pretend to be a row of its own.
    """
    return printable(_SPACE.sub(" ", text).strip())


def indented(text: str, margin: str) -> str:
    """Return printable text with a margin before each line but the first: none of them looks like a line of ours."""
    return printable(text).replace("\n", f"\n{margin}")


def quoted(text: str) -> str:
    """Return printable text as mails quote it, each line behind a bar."""
    return f"| {indented(text, '| ')}"


def as_text(value: JsonValue) -> str:
    """Return details or an action as text for people: a string as it is, other data as indented JSON."""
    return printable(value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False))


def _escaped(char: str) -> str:
    is_control = unicodedata.category(char) in _CONTROL_CATEGORIES and char not in _KEPT
    return json.dumps(char)[1:-1] if is_control else char

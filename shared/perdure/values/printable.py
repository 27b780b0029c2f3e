"""Makes text from outside safe to show on a terminal."""

import json
import unicodedata

from pydantic import JsonValue

__all__ = ["as_text", "printable"]

_KEPT = frozenset("\n\t")
_CONTROL_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def printable(text: str) -> str:
    r"""Escape the characters that a terminal acts on instead of showing them, as JSON does: ``\u001b``.

    These are control characters except line feed and tab, and characters that reverse the direction of text (Unicode's
    general categories Cc, Cf, Cs, Zl, Zp): with them a title could hide what it requests. JSON stays the same JSON.
    """
    if text.isprintable():
        return text
    return "".join(_escaped(char) for char in text)


def as_text(value: JsonValue) -> str:
    """Return details or an action as text for people: a string as it is, other data as indented JSON."""
    return printable(value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False))


def _escaped(char: str) -> str:
    is_control = unicodedata.category(char) in _CONTROL_CATEGORIES and char not in _KEPT
    return json.dumps(char)[1:-1] if is_control else char

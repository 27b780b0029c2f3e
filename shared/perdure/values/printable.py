"""Text that others wrote, made safe to show on a terminal."""

import json
import unicodedata

from pydantic import JsonValue

__all__ = ["as_text", "printable"]

_KEPT = frozenset("\n\t")
_ACTING = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def printable(text: str) -> str:
    r"""Spell out what a terminal would act on instead of showing it, as JSON does: ``\u001b`` for an escape.

    That is control characters but line feeds and tabs, and what turns the direction of text around (Unicode's general
    categories Cc, Cf, Cs, Zl, Zp): with them a title could hide what it asks for. JSON stays the same JSON.
    """
    if text.isprintable():
        return text
    return "".join(_spelled(char) for char in text)


def as_text(value: JsonValue) -> str:
    """Write details or an action as people read them: prose as it is, data as JSON."""
    return printable(value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False))


def _spelled(char: str) -> str:
    acts = unicodedata.category(char) in _ACTING and char not in _KEPT
    return json.dumps(char)[1:-1] if acts else char

"""Event types and patterns of them: words separated by dots, as NATS has them in a subject."""

from typing import Final

__all__ = ["EXAMPLE", "SCHEDULED", "pattern_problem", "type_problem"]

EXAMPLE: Final = "write words separated by dots, such as documents.submitted"
"""The advice for a type that is wrong."""

SCHEDULED: Final = "schedules"
"""How the types of events begin that schedules publish: ``schedules.<route>``."""

_SPACES: Final = frozenset(" \t\r\n")


def type_problem(text: str) -> str:
    """Return the sentence on a text that cannot be an event type; empty if it can."""
    words = text.split(".")
    starred = (f"`{word}` holds `{sign}`" for word in words for sign in "*>" if sign in word)
    problem = next(starred, "") or _word_problem(words)
    return f"{text!r} cannot be an event type: {problem}; {EXAMPLE}." if problem else ""


def pattern_problem(text: str) -> str:
    """Return why no event can have a type that matches this pattern; empty if one can.

    In a pattern ``*`` stands for one word, and a last ``>`` for one or more.
    """
    words = text.split(".")
    if ">" in words[:-1]:
        return "`>` may only be the last word"
    for word in words:
        if word not in {"*", ">"} and (sign := next((sign for sign in "*>" if sign in word), None)):
            many = "a word" if sign == "*" else "words"
            return f"`{word}` holds `{sign}`, which stands for {many} only by itself"
    return _word_problem(words)


def _word_problem(words: list[str]) -> str:
    if not all(words):
        return "a word between its dots is empty"
    return next((f"{word!r} holds a space" for word in words if _SPACES & set(word)), "")

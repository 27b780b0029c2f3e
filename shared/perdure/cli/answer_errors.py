"""The errors for what a program of a service answers when it has refused."""

from collections.abc import Mapping
from typing import Final

from perdure.errors import NotFound, Pending, PerdureError, Unavailable, WrongArgument

__all__ = ["answer_error"]

_ERRORS: Final[Mapping[str, type[PerdureError]]] = {
    "not_found": NotFound,
    "pending": Pending,
    "unreachable": Unavailable,
    "usage": WrongArgument,
    "refused": PerdureError,
    "wrong": PerdureError,
}


def answer_error(verdict: str, text: str) -> PerdureError:
    """Return the error for a refusal: its class decides the exit code."""
    return _ERRORS[verdict](text)

"""The text of an error for people: its message, its place in the author's code and its causes, bounded.

Temporal's wrappers ("Activity task failed") are left out. ``error_text`` is the same on every machine, so that a run
may decide by it. ``placed_error_text`` is for facts and logs only, because paths may differ.
"""

import asyncio
import builtins
import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Final

from temporalio.exceptions import ActivityError, ApplicationError, ChildWorkflowError, FailureError

from perdure.values.author_code import author_place, place_in_text

__all__ = ["Redact", "cause_of", "error_text", "message_of", "placed_error_text", "root_cause", "type_of"]

Redact = Callable[[str], str]
"""Masks the keys in a text."""

_LONGEST: Final = 1_000  # characters of one message
_CAUSES: Final = 4  # behind the error itself
_MEMBERS: Final = 5  # of a group
_LEVELS: Final = 3  # of groups in groups
_PLACED: Final = re.compile(r"\([^()\s]+:\d+\)$")  # as a group of errors is written into the history


def error_text(error: BaseException) -> str:
    """Return the message of the root cause: ``card declined``, ``KeyError: 'name'``."""
    return _Description().of(root_cause(error))


def placed_error_text(error: BaseException, packages: Collection[str] = (), redact: Redact = str) -> str:
    """Return the message, the author's line that raised it, and its causes.

    ``OrderFailed: not paid (orders.py:42), because of CardDeclined: no money (cards.py:7)``. An error that no line of
    the author raised, such as that of a model, has the line that awaited it.

    Args:
        error: Whatever was raised.
        packages: Packages that are the author's even if they are installed among the libraries.
        redact: Masks keys, before a message is cut.
    """
    root = root_cause(error)
    description = _Description(packages, redact, awaited=error, places=True)
    first, *causes = (description.of(inner) for inner in _with_causes(root))
    return ", because of ".join([first, *(cause for cause in causes if cause not in first)])


def root_cause(error: BaseException) -> BaseException:
    """Return the error inside Temporal's activity and child workflow errors."""
    while isinstance(error, ActivityError | ChildWorkflowError) and error.cause is not None:
        error = error.cause
    return error


def cause_of(error: BaseException) -> BaseException | None:
    """Return the error that Python shows above this one."""
    return error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def message_of(error: BaseException, redact: Redact = str, *, longest: int = _LONGEST) -> str:
    """Return an error's own message, bounded and fit for UTF-8, whatever its ``__str__`` does."""
    try:
        text = str(error.message) if isinstance(error, FailureError) else str(error)  # a message may be no text
    except Exception as broken:  # noqa: BLE001 (code of the author: a failure is reported in any case)
        text = f"its text cannot be read: {type(broken).__name__}"
    text = redact(text.encode(errors="backslashreplace").decode())
    return text if len(text) <= longest else f"{text[:longest]}… ({len(text)} characters)"


def type_of(error: ApplicationError) -> str | None:
    """Return an error's own type; a class counts by its name, because a type may be no text."""
    found: object = error.type
    if isinstance(found, type):
        return found.__name__
    return None if found is None else str(found)


@dataclass(frozen=True, slots=True)
class _Description:
    """Describes one error, without its causes.

    Attributes:
        awaited: What the author's code has seen of it, maybe a wrapper of Temporal's.
        places: Whether places are wanted.
    """

    packages: Collection[str] = ()
    redact: Redact = str
    awaited: BaseException | None = None
    places: bool = False

    def of(self, error: BaseException, level: int = 0) -> str:
        if isinstance(error, BaseExceptionGroup) and level < _LEVELS:
            return self._group(error, level)
        message = message_of(error, self.redact).strip()
        kind = self._kind(error, message)
        text = f"{kind}: {message}" if kind and message else message or kind or type(error).__name__
        place = self._place(error)
        return f"{text} ({place})" if place else text

    def _group(self, group: BaseExceptionGroup[BaseException], level: int) -> str:
        members = [self.of(root_cause(inner), level + 1) for inner in group.exceptions[:_MEMBERS]]
        more = len(group.exceptions) - len(members)
        return "; ".join([*members, *([f"and {more} more errors"] if more else [])])

    def _kind(self, error: BaseException, message: str) -> str | None:
        """Return the class of an error, unless its message is enough."""
        if not isinstance(error, FailureError):
            return type(error).__name__
        if not isinstance(error, ApplicationError):
            return None
        kind = type_of(error)
        return kind if not message or (self.places and _is_builtin(kind)) else None

    def _place(self, error: BaseException) -> str | None:
        if not self.places:
            return None
        place = _place(error, self.packages)
        if place is None and self.awaited is not None and root_cause(self.awaited) is error:
            return _place(self.awaited, self.packages)
        return place


def _is_builtin(name: str | None) -> bool:
    """Return whether Python raised the error: then no author wrote its message for people."""
    found = getattr(builtins, name or "", None)
    return isinstance(found, type) and issubclass(found, Exception) and not issubclass(found, BaseExceptionGroup)


def _place(error: BaseException, packages: Collection[str]) -> str | None:
    if not isinstance(error, FailureError) or error.failure is None:
        return author_place(error, packages)
    return None if _PLACED.search(error.message) else place_in_text(error.failure.stack_trace, packages)


def _with_causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and its causes; a cancellation causes nothing that people look for."""
    seen = [error]
    yield error
    while len(seen) <= _CAUSES:
        cause = cause_of(error)
        if cause is None or isinstance(cause, asyncio.CancelledError):
            return
        error = root_cause(cause)
        if any(error is known for known in seen):
            return
        seen.append(error)
        yield error

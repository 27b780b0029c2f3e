"""What a saga demands of everything that is scheduled within its steps and undos, also by an agent's tool."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

from temporalio.common import RetryPolicy
from temporalio.workflow import ActivityCancellationType

from perdure.flow.waiting import cancellation_count

__all__ = ["cancellation_type", "end_if_cancelled", "is_undoing", "retry_policy", "saga_step", "saga_undo"]

_ONCE: Final = RetryPolicy(maximum_attempts=1)


@dataclass(frozen=True, slots=True)
class _Part:
    is_undo: bool
    cancellations: int


_current: Final[ContextVar[_Part | None]] = ContextVar("perdure_saga_step", default=None)


@contextmanager
def saga_step() -> Iterator[None]:
    """Let activities in the block end before a cancellation takes effect: only then can they be undone."""
    if is_undoing():
        yield  # a saga within an undo
        return
    with _within(_Part(is_undo=False, cancellations=cancellation_count())):
        yield


@contextmanager
def saga_undo() -> Iterator[None]:
    """Let activities in the block run however late it is, and once each: the saga repeats the undo."""
    with _within(_Part(is_undo=True, cancellations=0)):
        yield


def is_undoing() -> bool:
    """Return whether a saga undoes a step."""
    part = _current.get()
    return part is not None and part.is_undo


def retry_policy(given: RetryPolicy | None) -> RetryPolicy | None:
    """Return the policy of an activity that has this one outside of an undo."""
    return _ONCE if is_undoing() else given


def cancellation_type() -> ActivityCancellationType:
    """Return how activities are cancelled here."""
    part = _current.get()
    if part is None or part.is_undo:
        return ActivityCancellationType.TRY_CANCEL
    return ActivityCancellationType.WAIT_CANCELLATION_COMPLETED


def end_if_cancelled() -> None:
    """End a saga's step that was cancelled while one of its activities ended.

    Raises:
        asyncio.CancelledError: It was.
    """
    part = _current.get()
    if part is not None and not part.is_undo and cancellation_count() > part.cancellations:
        raise asyncio.CancelledError


@contextmanager
def _within(part: _Part) -> Iterator[None]:
    token = _current.set(part)
    try:
        yield
    finally:
        _current.reset(token)

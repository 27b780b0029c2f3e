"""Several agents answer at the same time, a bounded number of them at once."""

import asyncio
import inspect
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

from temporalio import workflow
from temporalio.exceptions import is_cancelled_exception

from perdure.flow.error_text import error_text

__all__ = ["AT_ONCE", "Failure", "parallel", "result_or_failure"]

AT_ONCE: Final = 20
"""How many parts run at the same time by default."""

_IS_BOUNDED: Final = "perdure-parallel-is-bounded"  # a patch id: histories hold it

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Failure:
    """Takes the place of an answer that failed.

    Attributes:
        error: The reason, a sentence.
    """

    error: str


async def parallel(parts: Mapping[str, Awaitable[Value]], *, at_once: int = AT_ONCE) -> dict[str, Value | Failure]:
    """Await all parts, a bounded number at the same time; a part that fails for good becomes a ``Failure``.

    Args:
        parts: By name, such as ``{"mood": analyst.llm.generate_str(...)}``.
        at_once: How many may run at the same time; the others wait for their turn, in order. Tasks run already.

    Returns:
        By the same names, in the same order: the result, or a ``Failure``.
    """
    if at_once < 1:
        raise ValueError(f"at_once is {at_once}: it must be at least 1")
    waiting = list(parts.values())
    if len(waiting) > at_once and workflow.patched(_IS_BOUNDED):
        turn = asyncio.Semaphore(at_once)
        waiting = [_in_turn(part, turn) for part in waiting]
    results = await asyncio.gather(*waiting, return_exceptions=True)
    return {name: result_or_failure(result) for name, result in zip(parts, results, strict=True)}


async def _in_turn(part: Awaitable[Value], turn: asyncio.Semaphore) -> Value:
    try:
        await turn.acquire()
    except asyncio.CancelledError:
        if inspect.iscoroutine(part):
            part.close()  # it has not begun, and never will
        raise
    try:
        return await part
    finally:
        turn.release()


def result_or_failure(result: Value | BaseException) -> Value | Failure:
    """Return what ``gather`` has collected as a result or a failure; a cancellation is raised."""
    if not isinstance(result, BaseException):
        return result
    if isinstance(result, Exception) and not is_cancelled_exception(result):
        return Failure(error_text(result))
    raise result

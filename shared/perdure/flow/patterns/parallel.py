"""Several agents answer at the same time, a bounded number of them at once."""

import asyncio
import inspect
from collections.abc import Awaitable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

from temporalio import workflow
from temporalio.exceptions import is_cancelled_exception

from perdure.flow.bugs import waits_for_mending
from perdure.flow.error_text import error_text

__all__ = ["AT_ONCE", "Failure", "parallel", "results_or_failures"]

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

    A bug in a part is none: the whole run waits for mended code (``temporal.on_bug``).

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
    return dict(zip(parts, await results_or_failures(waiting), strict=True))


async def results_or_failures(parts: Iterable[Awaitable[Value]]) -> list[Value | Failure]:
    """Await all parts, and return the results in their order, a ``Failure`` for each that failed for good.

    Raises:
        Exception: A part has a bug, and the run waits for mended code: it is raised at once, since whatever the other
            parts scheduled later could not be replayed.
        asyncio.CancelledError: A part was cancelled.
    """
    tasks = [asyncio.ensure_future(part) for part in parts]
    gathered = asyncio.gather(*tasks, return_exceptions=True)

    def end_at_a_bug(task: asyncio.Future[Value]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None and waits_for_mending(error) and not gathered.done():
            gathered.set_exception(error)

    for task in tasks:
        task.add_done_callback(end_at_a_bug)
    return [_result_or_failure(result) for result in await gathered]


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


def _result_or_failure(result: Value | BaseException) -> Value | Failure:
    if not isinstance(result, BaseException):
        return result
    if isinstance(result, Exception) and not is_cancelled_exception(result) and not waits_for_mending(result):
        return Failure(error_text(result))
    raise result

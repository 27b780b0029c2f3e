"""Several agents answer at the same time; the slowest determines how long it takes."""

import asyncio
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from temporalio.exceptions import is_cancelled_exception

from perdure.flow.error_text import error_text

__all__ = ["Failure", "parallel"]

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Failure:
    """Takes the place of an answer that failed.

    Attributes:
        error: The reason, a sentence.
    """

    error: str


async def parallel(parts: Mapping[str, Awaitable[Value]]) -> dict[str, Value | Failure]:
    """Await all parts at the same time; a part that fails for good becomes a ``Failure``.

    Args:
        parts: By name, such as ``{"mood": analyst.llm.generate_str(...)}``.

    Returns:
        By the same names, in the same order: the result, or a ``Failure``.
    """
    results = await asyncio.gather(*parts.values(), return_exceptions=True)
    return {name: _result(result) for name, result in zip(parts, results, strict=True)}


def _result(result: Value | BaseException) -> Value | Failure:
    if not isinstance(result, BaseException):
        return result
    if isinstance(result, Exception) and not is_cancelled_exception(result):
        return Failure(error_text(result))
    raise result

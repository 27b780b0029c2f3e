"""Several agents answer at the same time: the slowest alone decides how long it takes."""

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
    """What stands in the place of an answer that did not come.

    Attributes:
        error: Why, a sentence.
    """

    error: str


async def parallel(parts: Mapping[str, Awaitable[Value]]) -> dict[str, Value | Failure]:
    """Await all parts at the same time; one that fails for good is reported beside the others' results.

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

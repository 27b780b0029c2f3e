"""Heartbeats of an activity that waits for models or servers."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from datetime import timedelta
from typing import Any, Final

from temporalio import activity

from perdure.runtime.background import background

__all__ = ["heartbeating", "keep_details", "kept_details"]

_kept: Final[ContextVar[Sequence[Any] | None]] = ContextVar("perdure_kept_details", default=None)


def keep_details(*details: Any) -> None:
    """Send what the next attempts of this activity are to know, whichever workers make them."""
    _kept.set(details)
    activity.heartbeat(*details)


def kept_details() -> Sequence[Any]:
    """Return what this attempt or the last one before it has kept."""
    kept = _kept.get()
    return activity.info().heartbeat_details if kept is None else kept


@asynccontextmanager
async def heartbeating(details: Callable[[], Sequence[Any]] = kept_details) -> AsyncIterator[None]:
    """Heartbeat three times within each heartbeat timeout for as long as the block lasts.

    Args:
        details: Returns what each heartbeat carries.
    """
    timeout = activity.info().heartbeat_timeout
    if timeout is None:
        yield
        return
    async with background(_beat(timeout / 3, details)):
        yield


async def _beat(every: timedelta, details: Callable[[], Sequence[Any]]) -> None:
    while True:
        activity.heartbeat(*details())
        await asyncio.sleep(every.total_seconds())

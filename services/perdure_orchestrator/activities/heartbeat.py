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

_kept: Final[ContextVar[dict[str, Sequence[Any]]]] = ContextVar("perdure_kept_details")  # shared with the heartbeats
_DETAILS: Final = "details"


def keep_details(*details: Any) -> None:
    """Send what the next attempts of this activity are to know, on whichever workers; within ``heartbeating``."""
    _kept.get()[_DETAILS] = details
    activity.heartbeat(*details)


def kept_details() -> Sequence[Any]:
    """Return what this attempt or the last one before it has kept."""
    return _kept.get({}).get(_DETAILS, activity.info().heartbeat_details)


@asynccontextmanager
async def heartbeating(details: Callable[[], Sequence[Any]] = kept_details) -> AsyncIterator[None]:
    """Heartbeat three times within each heartbeat timeout for as long as the block lasts.

    Args:
        details: Returns what each heartbeat carries.
    """
    _kept.set(_kept.get({}))  # before the task of the heartbeats, which has a context of its own
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

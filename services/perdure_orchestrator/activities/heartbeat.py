"""Heartbeats of an activity that waits for models or servers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from temporalio import activity

from perdure.runtime.background import background

__all__ = ["heartbeating"]


@asynccontextmanager
async def heartbeating() -> AsyncIterator[None]:
    """Heartbeat three times within each heartbeat timeout for as long as the block lasts."""
    timeout = activity.info().heartbeat_timeout
    if timeout is None:
        yield
        return
    async with background(_beat(timeout / 3)):
        yield


async def _beat(every: timedelta) -> None:
    while True:
        activity.heartbeat()
        await asyncio.sleep(every.total_seconds())

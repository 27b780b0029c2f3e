"""Heartbeats of a step whose run waits for its cancellation: Temporal reports a cancellation in reply to them."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from temporalio import activity
from temporalio.worker import ActivityOutboundInterceptor

from perdure.runtime.background import background

__all__ = ["StepHeartbeat"]

_INTERVAL: Final = 2.0  # seconds; a step that is shorter costs no heartbeat


class StepHeartbeat(ActivityOutboundInterceptor):
    """Remembers what the step's own code sends with its heartbeats, and sends it again."""

    def __init__(self, next: ActivityOutboundInterceptor) -> None:  # noqa: A002 (temporalio's signature)
        super().__init__(next)
        self._details: Sequence[Any] | None = None

    def heartbeat(self, *details: Any) -> None:
        """Send a heartbeat of the step's own code."""
        self._details = details
        super().heartbeat(*details)

    def details(self) -> Sequence[Any]:
        """Return what the step's own code has sent last, in this attempt or before it."""
        return activity.info().heartbeat_details if self._details is None else self._details

    @asynccontextmanager
    async def beating(self, *, wanted: bool) -> AsyncIterator[None]:
        """Heartbeat for as long as the block lasts, unless missing heartbeats of the step's own code are a failure."""
        if not wanted or activity.info().heartbeat_timeout is not None:
            yield
            return
        async with background(self._beat()):
            yield

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(_INTERVAL)
            super().heartbeat(*self.details())

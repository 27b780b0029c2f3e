"""A worker that takes no task while the suite is paused: steps that run then go on to their end."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final

from temporalio.worker import Worker

from perdure.bus.duty import Duty
from perdure.connections.running_activities import end_activities

__all__ = ["NO_GRACE_OF_ITS_OWN", "PausableWorker"]

NO_GRACE_OF_ITS_OWN: Final = timedelta(days=3650)
"""The ``graceful_shutdown_timeout`` of each worker: one that pauses cancels no step, however long it takes."""

_log = logging.getLogger(__name__)


class PausableWorker:
    """Serves with one temporalio worker after another: one whose polling was stopped cannot begin to poll again.

    Args:
        new: Makes a worker with ``NO_GRACE_OF_ITS_OWN``. It is called at once, so that a refusal shows at the start.
        unless_paused: Is on unless the suite is paused.
        grace: How long running steps may take to end when this worker ends. A pause waits for them without limit.
    """

    def __init__(self, new: Callable[[], Worker], unless_paused: Duty, grace: timedelta) -> None:
        self._new = new
        self._next: Worker | None = new()
        self._unless_paused = unless_paused
        self._grace = grace.total_seconds()
        self._workers: dict[asyncio.Task[None], Worker] = {}
        self._stopping: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Serve for the duration of the block; a worker that fails cancels it, with its error."""
        try:
            async with asyncio.TaskGroup() as group:
                serving = group.create_task(self._serve())
                try:
                    yield
                finally:
                    serving.cancel()
        except BaseExceptionGroup as failed:
            raise failed.exceptions[0] from failed
        finally:
            await self._end()

    async def _serve(self) -> None:
        while True:
            await self._until(on=True)
            worker, self._next = self._next or self._new(), None
            self._workers[asyncio.create_task(worker.run())] = worker
            await self._until(on=False)
            _log.info("paused: no task is taken; the steps that run go on")
            self._stop(worker)

    async def _until(self, *, on: bool) -> None:
        """Wait for a pause, or its end; raises the error of a worker that fails meanwhile."""
        turned = asyncio.create_task(self._unless_paused.wait(on=on))
        try:
            while not turned.done():
                await asyncio.wait({turned, *self._workers}, return_when=asyncio.FIRST_COMPLETED)
                for ended in [task for task in self._workers if task.done()]:
                    del self._workers[ended]
                    ended.result()
        finally:
            turned.cancel()

    def _stop(self, worker: Worker) -> None:
        """Let a worker take no task any more; its tasks may end first."""
        stopping = asyncio.create_task(worker.shutdown())
        self._stopping.add(stopping)
        stopping.add_done_callback(self._stopping.discard)

    async def _end(self) -> None:
        """Stop all workers, and give their steps the grace; what they were doing then runs again elsewhere."""
        for worker in self._workers.values():
            self._stop(worker)
        if self._workers:
            _, late = await asyncio.wait(self._workers, timeout=self._grace)
            for task in late:
                end_activities(self._workers[task])
        for failure in await asyncio.gather(*self._workers, return_exceptions=True):
            if isinstance(failure, Exception):
                _log.error("a worker failed as it ended: %r", failure, exc_info=failure)

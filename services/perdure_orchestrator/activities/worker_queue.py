"""The task queue on which only this worker takes steps: calls of runs whose sessions with MCP servers it holds."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextvars import Context
from datetime import timedelta
from typing import Any, Final
from uuid import uuid4

from temporalio.client import Client
from temporalio.worker import Interceptor, Worker

__all__ = ["WorkerQueue"]

_GRACE: Final = timedelta(seconds=2)  # the worker's own queue has had its grace before
_MOST: Final = 10_000  # calls at once: each is of an open session, of which `max_sessions` is the limit

_log = logging.getLogger(__name__)


class WorkerQueue:
    """Begins with the first session of a run: without one it costs nothing.

    It takes each call at once, however many run: a run takes a call that nobody takes for the end of its session.

    Args:
        interceptors: Those of the worker.
    """

    def __init__(self, interceptors: Sequence[Interceptor]) -> None:
        self._interceptors = interceptors
        self._activities: tuple[Callable[..., Any], ...] = ()
        self._worker: Worker | None = None
        self._running: asyncio.Task[None] | None = None

    def serving(self, *activities: Callable[..., Any]) -> tuple[Callable[..., Any], ...]:
        """Take these activities on the queue, and return them."""
        self._activities = activities
        return activities

    def name(self, client: Client) -> str:
        """Return the queue's name; from the first call on the queue is served."""
        if self._worker is None or self._running is None or self._running.done():
            self._worker = self._new(client)
            # In a context of its own: the step that needs the queue first is not the parent of those to come.
            self._running = asyncio.get_running_loop().create_task(self._run(self._worker), context=Context())
        return self._worker.task_queue

    async def close(self) -> None:
        """Take no step any more; those that run are cancelled."""
        if self._worker is not None and self._running is not None:
            worker, running, self._worker = self._worker, self._running, None
            await worker.shutdown()
            await running

    def _new(self, client: Client) -> Worker:
        configuration = client.config(active_config=True)
        configuration["plugins"] = []  # the plugin's parts are given one by one: it is not to run another worker
        return Worker(
            Client(**configuration),
            task_queue=f"perdure-worker-{uuid4().hex}",
            activities=list(self._activities),
            interceptors=self._interceptors,
            max_concurrent_activities=_MOST,
            graceful_shutdown_timeout=_GRACE,
        )

    async def _run(self, worker: Worker) -> None:
        try:
            await worker.run()
        except Exception:  # noqa: BLE001 (a boundary: runs notice by the time within which a step is taken)
            _log.exception("the queue of this worker has ended")

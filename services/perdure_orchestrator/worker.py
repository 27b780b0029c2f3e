"""The orchestrator's worker: the workflows and activities of the registry, on a client that has ``PerdurePlugin``."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final

from temporalio.client import Client
from temporalio.worker import Worker

from perdure.config.settings import Settings
from perdure_orchestrator.registry import Registry

__all__ = ["run_worker"]

_STICKY: Final = timedelta(seconds=5)  # how long a task waits for the worker that has its run in memory
_HEARTBEATS: Final = timedelta(seconds=2)  # at least between two of an activity without a heartbeat timeout
_GRACE: Final = timedelta(seconds=10)  # how long running activities may take to end when the worker stops


@asynccontextmanager
async def run_worker(client: Client, registry: Registry, settings: Settings) -> AsyncIterator[None]:
    """Run workflows and activities for as long as the block lasts."""
    worker = Worker(
        client,
        task_queue=settings.temporal.task_queue,
        workflows=list(registry.workflows.values()),
        activities=list(registry.activities),
        max_cached_workflows=settings.orchestrator.max_cached_runs,
        max_concurrent_activities=settings.orchestrator.max_concurrent_steps,
        default_heartbeat_throttle_interval=_HEARTBEATS,
        sticky_queue_schedule_to_start_timeout=_STICKY,
        graceful_shutdown_timeout=_GRACE,
    )
    async with worker:
        yield

"""The orchestrator's worker: the workflows and activities of the registry, on a client that has ``PerdurePlugin``."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import Final

from temporalio.client import Client
from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.worker import Worker, WorkerDeploymentConfig

from perdure.builds.version import Version
from perdure.bus.duty import Duty
from perdure.config.settings import Settings
from perdure_orchestrator.pausable_worker import NO_GRACE_OF_ITS_OWN, PausableWorker
from perdure_orchestrator.registry import Registry

__all__ = ["run_worker"]

_STICKY: Final = timedelta(seconds=5)  # how long a task waits for the worker that has its run in memory
_HEARTBEATS: Final = timedelta(seconds=2)  # at least between two of an activity without a heartbeat timeout


@asynccontextmanager
async def run_worker(
    client: Client,
    registry: Registry,
    settings: Settings,
    version: Version | None = None,
    *,
    unless_paused: Duty | None = None,
) -> AsyncIterator[None]:
    """Run workflows and activities for as long as the block lasts.

    Args:
        client: The client of Temporal, with the plugin.
        registry: What to run.
        settings: The configuration.
        version: Runs stay on the version of the worker that they began on, unless their workflow says otherwise by
            ``@workflow.defn(versioning_behavior=…)``; without a version they go on with any worker.
        unless_paused: Is on unless the suite is paused; by default always.
    """
    new = partial(_new_worker, client, registry, settings, version)
    grace = settings.orchestrator.graceful_shutdown
    async with PausableWorker(new, unless_paused or Duty(), grace).running():
        yield


def _new_worker(client: Client, registry: Registry, settings: Settings, version: Version | None) -> Worker:
    return Worker(
        client,
        task_queue=settings.temporal.task_queue,
        workflows=list(registry.workflows.values()),
        activities=list(registry.activities),
        max_cached_workflows=settings.orchestrator.max_cached_runs,
        max_concurrent_activities=settings.orchestrator.max_concurrent_steps,
        default_heartbeat_throttle_interval=_HEARTBEATS,
        sticky_queue_schedule_to_start_timeout=_STICKY,
        graceful_shutdown_timeout=NO_GRACE_OF_ITS_OWN,
        deployment_config=None if version is None else _deployment(version),
    )


def _deployment(version: Version) -> WorkerDeploymentConfig:
    return WorkerDeploymentConfig(
        version=WorkerDeploymentVersion(version.deployment, version.build),
        use_worker_versioning=True,
        default_versioning_behavior=VersioningBehavior.PINNED,
    )

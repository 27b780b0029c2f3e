"""Ends the activities that run on a worker of temporalio 1.35; see ``temporal_internals``."""

from temporalio.worker import Worker

__all__ = ["WorkerEnds", "end_activities"]


class WorkerEnds(Exception):
    """The worker of an activity ended before the activity did: Temporal tries it again, as its retry policy allows."""


def end_activities(worker: Worker) -> None:
    """Cancel the activities that run on a worker, local ones included; Temporal gets a failure that may be retried.

    temporalio's core does the same once ``graceful_shutdown_timeout`` has passed, which cannot be changed afterwards.
    """
    activities = worker._activity_worker  # noqa: SLF001 (no public access in 1.35)
    for running in () if activities is None else list(activities._running_activities.values()):  # noqa: SLF001 (likewise)
        running.cancel(cancelled_due_to_heartbeat_error=WorkerEnds("The worker ends"))

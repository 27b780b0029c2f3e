"""A worker for busy machines."""

from temporalio.worker import Worker

__all__ = ["patient"]


def patient(worker: Worker) -> Worker:
    """Let a workflow task take a minute: two seconds are no deadlock there, and the interruption may hit any code."""
    worker._workflow_worker._deadlock_timeout_seconds = 60  # type: ignore[union-attr]  # noqa: SLF001
    return worker

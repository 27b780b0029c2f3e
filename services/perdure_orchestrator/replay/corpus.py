"""The runs whose histories are replayed: what all sources of histories have in common."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from temporalio.api.history.v1 import History

__all__ = ["RecordedRun"]


@dataclass(frozen=True, slots=True)
class RecordedRun:
    """A run with a history.

    Attributes:
        run: The run's id.
        run_id: Temporal's run id; empty if unknown.
        workflow: The name of its workflow.
        build: The build id of the worker version it belongs to; None for none.
        load: Reads the history; None if it is gone meanwhile.
    """

    run: str
    run_id: str
    workflow: str
    build: str | None
    load: Callable[[], Awaitable[History | None]]

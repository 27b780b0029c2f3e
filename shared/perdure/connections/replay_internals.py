"""What a replay of histories needs of temporalio's private parts, beside ``temporal_internals``: to see what goes on.

``Replayer`` gives an error without the author's line, and waits for ever for a run that stands still.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final, Protocol, cast

from temporalio import workflow
from temporalio.bridge.proto.workflow_activation import RemoveFromCache, WorkflowActivation, WorkflowActivationJob
from temporalio.bridge.proto.workflow_commands import WorkflowCommand
from temporalio.worker import _replayer
from temporalio.worker._workflow import _WorkflowWorker

__all__ = ["ReplayObserver", "RunInstance", "observe_replays", "run_under_way"]

_PASSING: Final = {"CACHE_FULL", "LANG_REQUESTED"}
"""Why a run whose replay is over leaves the memory."""


class ReplayObserver(Protocol):
    """Sees the tasks of the run that is replayed, in the event loop."""

    def began(self, history_length: int) -> None:
        """Take notice of a task: the history is known up to the event of this id."""

    def ended(self) -> None:
        """Take notice that the task, or the removal of the run from the memory, is done."""

    def leaves(self, reason: str | None, text: str) -> None:
        """Take notice that the run leaves the memory; the reason is None if all of its history was replayed."""


@contextmanager
def observe_replays(observer: ReplayObserver, *, task_queue: str, deadlock_seconds: int) -> Iterator[None]:
    """Let an observer see what each ``Replayer`` does that is opened inside the block.

    Args:
        observer: It sees.
        task_queue: What ``workflow.info()`` has as the task queue: a replayer has one of its own name.
        deadlock_seconds: How long a task may take. The worker's own 2 seconds are too few on a busy machine.
    """

    class ObservedWorker(_WorkflowWorker):
        def __init__(self, **options: Any) -> None:
            super().__init__(**{**options, "task_queue": task_queue})
            self._deadlock_timeout_seconds = deadlock_seconds

        async def _handle_activation(self, act: WorkflowActivation) -> None:
            observer.began(act.history_length)
            for job in act.jobs:
                if job.HasField("remove_from_cache"):
                    _leaves(observer, job.remove_from_cache)
            try:
                await super()._handle_activation(act)
            finally:
                observer.ended()

    _replayer._WorkflowWorker = ObservedWorker  # type: ignore[attr-defined]  # noqa: SLF001 (no public hook in 1.35)
    try:
        yield
    finally:
        _replayer._WorkflowWorker = _WorkflowWorker  # type: ignore[attr-defined]  # noqa: SLF001 (likewise)


def _leaves(observer: ReplayObserver, removal: RemoveFromCache) -> None:
    reason = RemoveFromCache.EvictionReason.Name(removal.reason)
    observer.leaves(None if reason in _PASSING else reason, removal.message)


class RunInstance:
    """The run under way, as temporalio executes it."""

    def __init__(self, instance: Any) -> None:
        self._instance = instance

    @property
    def thread_id(self) -> int | None:
        """The thread that executes it, if one does."""
        return cast("int | None", self._instance.get_thread_id())

    def on_command(self, noted: Callable[[WorkflowCommand], None]) -> None:
        """Let ``noted`` see each command as it is issued, still empty, in the frame of the code that issues it."""
        add = self._instance._add_command  # noqa: SLF001 (no interceptor sees timers and patches in 1.35)

        def watched() -> WorkflowCommand:
            command = cast("WorkflowCommand", add())
            noted(command)
            return command

        self._instance._add_command = watched  # noqa: SLF001 (likewise)

    def on_task(self, noted: Callable[[Any], None]) -> None:
        """Let ``noted`` see each asyncio task as it is created, in the frame of the code that creates it."""
        create = self._instance.create_task

        def watched(*args: Any, **options: Any) -> Any:
            task = create(*args, **options)
            noted(task)
            return task

        self._instance.create_task = watched

    def on_job(self, noted: Callable[[WorkflowActivationJob], None]) -> None:
        """Let ``noted`` see each job, such as the result of an activity, before the run gets it."""
        apply = self._instance._apply  # noqa: SLF001 (no hook in 1.35)

        def watched(job: WorkflowActivationJob) -> None:
            noted(job)
            apply(job)

        self._instance._apply = watched  # noqa: SLF001 (likewise)

    def frames(self) -> Iterator[FrameType]:
        """Yield the frames in which the run's own code waits now, outermost first; not while it executes."""
        task = self._instance._primary_task  # noqa: SLF001 (no public access in 1.35)
        waiting: Any = None if task is None else task.get_coro()
        while (frame := getattr(waiting, "cr_frame", None)) is not None:
            yield frame
            waiting = waiting.cr_await


def run_under_way() -> RunInstance:
    """Return the run whose code or interceptor calls this."""
    return RunInstance(workflow._Runtime.current())  # noqa: SLF001 (no public access to the running instance in 1.35)

"""Records what the code does in a replay: its commands with the author's lines, and where it waits."""

import asyncio
import sys
from collections.abc import Collection
from contextlib import suppress
from typing import Any, Final
from weakref import WeakKeyDictionary

from temporalio.bridge.proto.workflow_activation import WorkflowActivationJob
from temporalio.bridge.proto.workflow_commands import WorkflowCommand
from temporalio.plugin import SimplePlugin
from temporalio.worker import (
    ExecuteWorkflowInput,
    Interceptor,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
    WorkflowOutboundInterceptor,
)

from perdure.connections.replay_internals import RunInstance, run_under_way
from perdure.flow.error_text import error_text
from perdure.values.author_code import author_place, place_of_call, place_of_frames
from perdure_orchestrator.replay.commands import IssuedCommand, command_of, error_of

__all__ = ["ReplayRecorder", "recording_plugin"]

_CANCELS: Final = {
    "cancel_timer": ("timer", "seq"),
    "request_cancel_activity": ("activity", "seq"),
    "cancel_child_workflow_execution": ("child run", "child_workflow_seq"),
}


class ReplayRecorder:
    """Records one run after the other; as a ``ReplayObserver`` it also counts the tasks of the replay.

    Args:
        packages: Packages that are the author's even if they are installed among the libraries.

    Attributes:
        moves: How many tasks have begun or ended, for one who looks whether the replay goes on.
        left: Why the run has left the memory, and temporalio's text; None as long as it has not. The reason is None if
            all of its history was replayed.
        job: The job that the run was given last.
        known: Up to this event of the history the run has got.
        has_ended: Whether the author's code has returned or raised an error.
        failure: The error that it has raised.
        failed_at: The author's line that has raised it.
        waits_at: The author's line at which the run waited after its last task.
    """

    def __init__(self, packages: Collection[str]) -> None:
        self._packages = packages
        self.moves = 0
        self.begin()

    def begin(self) -> None:
        """Forget the last run."""
        self.known = 0
        self._instance: RunInstance | None = None
        self._commands: list[tuple[WorkflowCommand, int, str | None]] = []
        self._origins: WeakKeyDictionary[Any, str] = WeakKeyDictionary()
        self._tasks_begun = self._tasks_ended = 0
        self.left: tuple[str | None, str] | None = None
        self.job: WorkflowActivationJob | None = None
        self.has_ended = False
        self.failure = ""
        self.failed_at: str | None = None
        self.waits_at: str | None = None

    @property
    def is_busy(self) -> bool:
        """Whether a task is being worked on."""
        return self._tasks_begun > self._tasks_ended

    def began(self, history_length: int) -> None:
        """Take notice of a task."""
        self.moves += 1
        self._tasks_begun += 1
        self.known = history_length or self.known

    def ended(self) -> None:
        """Take notice that it is done, and look where the run waits now."""
        self.moves += 1
        self._tasks_ended += 1
        if self._instance is not None and self.left is None:
            self.waits_at = place_of_frames(self._instance.frames(), self._packages) or self.waits_at

    def leaves(self, reason: str | None, text: str) -> None:
        """Take notice that the run leaves the memory."""
        self.left = reason, text

    def executes_at(self) -> str | None:
        """Return the author's line that is being executed, of a task that does not end."""
        thread = None if self._instance is None else self._instance.thread_id
        frame = None if thread is None else sys._current_frames().get(thread)  # noqa: SLF001 (Python's documented name)
        return place_of_call(frame, self._packages)

    def issued(self) -> list[IssuedCommand]:
        """Return the commands so far, without those that were cancelled in the task that issued them."""
        cancelled = {key for command, known, _ in self._commands if (key := _cancelled(command, known)) is not None}
        found = [(command_of(it), known, place, error_of(it)) for it, known, place in self._commands]
        return [
            IssuedCommand(command, known, place, error)
            for command, known, place, error in found
            if command is not None and (command.kind, command.seq, known) not in cancelled
        ]

    def watch(self) -> None:
        """Record the run under way."""
        self._instance = run_under_way()
        self._instance.on_command(self._command)
        self._instance.on_task(self._task)
        self._instance.on_job(self._job)

    def _command(self, command: WorkflowCommand) -> None:
        self._commands.append((command, self.known, self._place()))

    def _task(self, task: Any) -> None:
        if place := self._place():
            self._origins[task] = place

    def _job(self, job: WorkflowActivationJob) -> None:
        if not job.HasField("remove_from_cache"):
            self.job = job

    def _place(self) -> str | None:
        """Return the author's line that is being executed, or the one that has created the current asyncio task."""
        if place := place_of_call(sys._getframe(2), self._packages):  # noqa: SLF001 (Python's documented name)
            return place
        task = None
        with suppress(RuntimeError):  # no loop runs while the run is made
            task = asyncio.current_task()
        return None if task is None else self._origins.get(task)  # a cancellation is no task

    def ends(self, error: BaseException | None = None) -> None:
        """Take notice that the author's code has returned or raised an error."""
        self.has_ended = True
        if error is not None:
            self.failure = error_text(error)
            self.failed_at = author_place(error, self._packages)


def recording_plugin(recorder: ReplayRecorder) -> SimplePlugin:
    """Return a plugin whose interceptor is next to the author's code if it is the last of the plugins."""
    return SimplePlugin("perdure.replay", interceptors=[_Recording(recorder)])


class _Recording(Interceptor):
    def __init__(self, recorder: ReplayRecorder) -> None:
        self._recorder = recorder

    def workflow_interceptor_class(
        self,
        input: WorkflowInterceptorClassInput,  # noqa: A002, ARG002 (temporalio's signature)
    ) -> type[WorkflowInboundInterceptor]:
        recorder = self._recorder

        class _Recorded(WorkflowInboundInterceptor):
            def init(self, outbound: WorkflowOutboundInterceptor) -> None:
                recorder.watch()
                super().init(outbound)

            async def execute_workflow(self, input: ExecuteWorkflowInput) -> Any:  # noqa: A002 (temporalio's signature)
                try:
                    result = await super().execute_workflow(input)
                except Exception as error:
                    recorder.ends(error)
                    raise
                recorder.ends()
                return result

        return _Recorded


def _cancelled(command: WorkflowCommand, known: int) -> tuple[str, int, int] | None:
    variant = command.WhichOneof("variant") or ""
    if variant not in _CANCELS:
        return None
    kind, field = _CANCELS[variant]
    return kind, getattr(getattr(command, variant), field), known

"""Several steps that stand or fall together: what was done is undone when a later step fails."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from types import TracebackType
from typing import Any, Final, Self

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError, FailureError, is_cancelled_exception

from perdure.connections.temporal_internals import activity_name
from perdure.flow.error_text import error_text, root_cause
from perdure.flow.notify import note
from perdure.flow.step_options import without_time_limit
from perdure.flow.waiting import await_through_cancellation, cancel_current_task, cancellation_count

__all__ = ["Saga"]

_TRY: Final = timedelta(minutes=5)
_UNDO_POLICY: Final = RetryPolicy(
    maximum_interval=timedelta(minutes=1), maximum_attempts=50, non_retryable_error_types=["ToolRefused"]
)

_TOLD_AFTERWARDS: Final = "perdure-sagas-tell-of-cancellations"

Step = Callable[..., Any] | str
"""An activity, by itself or by name, or an async function of the workflow, such as an agent's tool."""


@dataclass(frozen=True, slots=True)
class _Undo:
    step: Step
    args: tuple[Any, ...]

    @property
    def name(self) -> str:
        return self.step if isinstance(self.step, str) else getattr(self.step, "__name__", repr(self.step))


class Saga:
    """``async with Saga() as saga: await saga.run(reserve, order, undo=release)``.

    Leaves the block by an error or a cancellation, the undos run in reverse order, each a durable step that is tried
    again; a cancellation does not stop them. The error then goes on its way. What could not be undone is said in a
    note and with the error.

    Args:
        start_to_close_timeout: For one try of a step or an undo.
        retry_policy: For steps that are activities; by default Temporal's: for ever. A tool has its agent's.
        undo_retry_policy: For undos, also for a tool that says it failed; by default 50 tries, at most a minute apart.
    """

    def __init__(
        self,
        *,
        start_to_close_timeout: timedelta = _TRY,
        retry_policy: RetryPolicy | None = None,
        undo_retry_policy: RetryPolicy = _UNDO_POLICY,
    ) -> None:
        self._timeout = start_to_close_timeout
        self._retry_policy = retry_policy
        self._undo_retry_policy = undo_retry_policy
        self._undos: list[_Undo] = []

    async def run(
        self, step: Step, *args: Any, undo: Step | None = None, undo_args: tuple[Any, ...] | None = None
    ) -> Any:
        """Do a step, and remember how it is undone.

        The undo is remembered before the step begins: a step that failed or was cut off may have had its effect, so an
        undo must bear that there is nothing to undo.

        Args:
            step: An activity, or an async function of the workflow.
            args: What it takes.
            undo: What takes it back.
            undo_args: What the undo takes; by default what the step took.
        """
        if undo is not None:
            self._undos.append(_Undo(undo, args if undo_args is None else undo_args))
        return await self._perform(step, args, self._retry_policy)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Undo, if the block is left by an error.

        Raises:
            ApplicationError: Something could not be undone; its cause is the error that made it necessary.
        """
        if error is None or isinstance(error, workflow.ContinueAsNewError):
            return
        undoing = asyncio.create_task(self._undo_all())
        cancelled = await await_through_cancellation(undoing)
        if cancelled and not is_cancelled_exception(error) and workflow.patched(_TOLD_AFTERWARDS):
            cancel_current_task()  # whoever goes on after the error hears of it where they wait next
        if left := undoing.result():
            message = f"{error_text(error)}. Not undone: {'; '.join(left)}"
            raise ApplicationError(message, type="NotUndone", non_retryable=True) from error

    async def _undo_all(self) -> list[str]:
        left: list[str] = []
        while self._undos:
            undo = self._undos.pop()
            try:
                with without_time_limit():
                    await self._undo(undo)
            except (Exception, asyncio.CancelledError) as error:
                if isinstance(error, asyncio.CancelledError) and cancellation_count():
                    raise  # else temporalio told an undo that waited of the run's cancellation
                left.append(f"{undo.name} ({error_text(error)})")
                await note(f"Could not undo: {left[-1]}")
        return left

    async def _undo(self, undo: _Undo) -> None:
        """Undo one step; Temporal tries activities again, and functions are tried again here."""
        policy = self._undo_retry_policy
        if _is_activity(undo.step):
            await self._perform(undo.step, undo.args, policy)
            return
        attempt, wait = 1, policy.initial_interval
        while True:
            try:
                await self._perform(undo.step, undo.args, policy)
            except FailureError as error:
                if attempt == policy.maximum_attempts or _type(error) in (policy.non_retryable_error_types or ()):
                    raise
            else:
                return
            await workflow.sleep(wait)
            attempt, wait = attempt + 1, min(wait * policy.backoff_coefficient, policy.maximum_interval or wait * 100)

    async def _perform(self, step: Step, args: tuple[Any, ...], policy: RetryPolicy | None) -> Any:
        if isinstance(step, str) or _is_activity(step):
            return await workflow.execute_activity(
                step, args=args, start_to_close_timeout=self._timeout, retry_policy=policy
            )
        done: Awaitable[Any] = step(*args)
        return await done


def _is_activity(step: Step) -> bool:
    return isinstance(step, str) or activity_name(step) is not None


def _type(error: FailureError) -> str | None:
    cause = root_cause(error)
    return cause.type if isinstance(cause, ApplicationError) else None

"""Sagas: when a step fails, the steps before it are undone in reverse order."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from types import TracebackType
from typing import Any, Final, Self

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError, FailureError, is_cancelled_exception

from perdure.connections.temporal_internals import activity_name
from perdure.flow.bugs import waits_for_mending
from perdure.flow.error_text import error_text, root_cause, type_of
from perdure.flow.notify import note
from perdure.flow.saga_step import cancellation_type, end_if_cancelled, saga_step, saga_undo
from perdure.flow.waiting import await_through_cancellation, cancel_current_task, cancellation_count

__all__ = ["Saga"]

_TRY: Final = timedelta(minutes=5)
_UNDO_ATTEMPTS: Final = 50
_UNDO_POLICY: Final = RetryPolicy(
    maximum_interval=timedelta(minutes=1),
    maximum_attempts=_UNDO_ATTEMPTS,
    non_retryable_error_types=["ToolRefused"],
)

# Patch ids: histories hold them.
_CANCELS_AFTERWARDS: Final = "perdure-sagas-tell-of-cancellations"
_WAITS_FOR_STEPS: Final = "perdure-sagas-wait-for-their-steps"

Step = Callable[..., Any] | str
"""An activity, by itself or by name, or an async function of the workflow, such as an agent's tool."""


UndoArguments = tuple[Any, ...] | Callable[[Any], tuple[Any, ...]]
"""The arguments of an undo, or a function of the step's result that returns them."""


@dataclass(slots=True)
class _Undo:
    step: Step
    given: UndoArguments
    result: Any = field(default=None)

    @property
    def args(self) -> tuple[Any, ...]:
        return self.given(self.result) if callable(self.given) else self.given

    @property
    def name(self) -> str:
        return self.step if isinstance(self.step, str) else getattr(self.step, "__name__", repr(self.step))


class Saga:
    """``async with Saga() as saga: await saga.run(reserve, order, undo=release)``.

    If the block is left by an error or a cancellation, the undos run in reverse order, each as a durable step with
    retries; a cancellation does not stop them. Then the error is raised again. A note and the error name what could
    not be undone. A step that is cancelled has ended before anything is undone: its worker heartbeats for it, and so
    learns of the cancellation within seconds. A bug undoes nothing while the run waits for mended code
    (``temporal.on_bug``).

    Args:
        start_to_close_timeout: For one attempt of a step or an undo.
        retry_policy: For steps that are activities; by default Temporal's: for ever. A tool has that of its agent.
        undo_retry_policy: For undos, also by tools; by default 50 attempts, a minute apart at most. One without
            ``maximum_attempts`` ends after 50, too.
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
        self._waits_for_steps = False

    async def run(
        self, step: Step, *args: Any, undo: Step | None = None, undo_args: UndoArguments | None = None
    ) -> Any:
        """Run a step, and remember its undo.

        The undo is remembered before the step begins, because a failed or interrupted step may have had its effect.
        So an undo must succeed when there is nothing to undo.

        Args:
            step: An activity, or an async function of the workflow.
            args: Its arguments.
            undo: The activity or function that undoes it.
            undo_args: The arguments of the undo; by default those of the step. A function gets the step's result, or
                None if there is none because the step failed or was interrupted:
                ``undo_args=lambda booking: (order, booking)``.
        """
        remembered = _Undo(undo or step, args if undo_args is None else undo_args)
        if undo is not None:
            self._undos.append(remembered)
        self._waits_for_steps = workflow.patched(_WAITS_FOR_STEPS)
        if not self._waits_for_steps:
            return await self._perform(step, args, self._retry_policy)
        with saga_step():
            remembered.result = await self._perform(step, args, self._retry_policy)
            end_if_cancelled()
        return remembered.result

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Undo, if the block is left by an error.

        Raises:
            ApplicationError: Something could not be undone; its cause is the error that made it necessary.
        """
        if error is None or isinstance(error, workflow.ContinueAsNewError) or waits_for_mending(error):
            return
        undoing = asyncio.create_task(self._undo_all())
        cancelled = await await_through_cancellation(undoing)
        if cancelled and not is_cancelled_exception(error) and workflow.patched(_CANCELS_AFTERWARDS):
            cancel_current_task()  # code that goes on after the error is cancelled at its next await
        if left := undoing.result():
            message = f"{error_text(error)}. Not undone: {'; '.join(left)}"
            raise ApplicationError(message, type="NotUndone", non_retryable=True) from error

    async def _undo_all(self) -> list[str]:
        left: list[str] = []
        while self._undos:
            undo = self._undos.pop()
            try:
                with saga_undo():
                    await self._undo(undo)
            except (Exception, asyncio.CancelledError) as error:
                if waits_for_mending(error) or (isinstance(error, asyncio.CancelledError) and cancellation_count()):
                    raise  # otherwise temporalio cancelled a waiting undo with the run
                left.append(f"{undo.name} ({error_text(error)})")
                await note(f"Could not undo: {left[-1]}")
        return left

    async def _undo(self, undo: _Undo) -> None:
        """Undo one step; Temporal retries activities, and this method retries functions."""
        policy = self._undo_retry_policy
        if self._waits_for_steps and not policy.maximum_attempts:
            policy = replace(policy, maximum_attempts=_UNDO_ATTEMPTS)
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
                step,
                args=args,
                start_to_close_timeout=self._timeout,
                retry_policy=policy,
                cancellation_type=cancellation_type(),
            )
        done: Awaitable[Any] = step(*args)
        return await done


def _is_activity(step: Step) -> bool:
    return isinstance(step, str) or activity_name(step) is not None


def _type(error: FailureError) -> str | None:
    cause = root_cause(error)
    return type_of(cause) if isinstance(cause, ApplicationError) else None

"""A started run: what a test may do with it, and wait for."""

from datetime import timedelta
from typing import Any, Final, get_args

from temporalio.client import WorkflowFailureError, WorkflowHistory
from temporalio.exceptions import TimeoutError  # noqa: A004 (a run that has timed out)
from temporalio.testing import WorkflowEnvironment

from perdure.bus import decode
from perdure.connections.executions import describe_execution, query_execution
from perdure.contracts import ENDINGS, Progress, ProgressKind
from perdure.flow.error_text import error_text
from perdure.testing.outcome import RunOutcome
from perdure.testing.stall import StallGuard, describe_stall
from perdure.testing.waits import RunInTest
from perdure.values.nearest import nearest
from perdure_orchestrator.endings import read_closing

__all__ = ["LiveRun"]

_KINDS: Final = get_args(ProgressKind)


class LiveRun:
    """A started run. Whatever waits here raises ``AssertionError`` with the reason if the run cannot go on."""

    def __init__(self, run: RunInTest, guard: StallGuard, environment: WorkflowEnvironment) -> None:
        self._run = run
        self._guard = guard
        self._environment = environment

    async def signal(self, name: str, *args: Any) -> None:
        """Send a signal to the run."""
        await self._run.handle.signal(name, args=args)

    async def query(self, name: str, *args: Any) -> Any:
        """Ask the run a query, and return its answer.

        Raises:
            WorkflowQueryFailedError: It has no such query, the arguments do not fit, or the handler raised.
        """
        return await self._guard.wait(query_execution(self._run.client, self._run.handle.id, name, args))

    async def update(self, name: str, *args: Any) -> Any:
        """Send an update to the run, wait for its handler, and return what that returns.

        Meanwhile the run's time goes on as on a clock: an update that waits for a timer needs ``sleep`` beside it.

        Raises:
            WorkflowUpdateFailedError: The run has no such update, refuses it, or the handler raised.
        """
        return await self._guard.wait(self._run.handle.execute_update(name, args=args))

    async def sleep(self, duration: timedelta) -> None:
        """Skip this much of the run's time."""
        await self._guard.wait(self._environment.sleep(duration))

    async def cancel(self) -> None:
        """Request the cancellation of the run."""
        await self._run.handle.cancel()

    async def wait_for(self, kind: str, step: str | None = None) -> Progress:
        """Wait for a fact of this kind, of this step if one is given, and return it; this skips no time.

        Raises:
            AssertionError: The run has ended without it.
        """
        if kind not in _KINDS:
            raise AssertionError(f"No fact is of the kind {kind}{nearest(kind, _KINDS)}")
        return await self._guard.wait(self._wait_for(kind, step))

    async def history(self) -> WorkflowHistory:
        """Return Temporal's history of the run so far; of a continued one, that of its newest part."""
        return await self._run.handle.fetch_history()

    async def outcome(self) -> RunOutcome:
        """Wait for the end of the run, skipping the time that it waits."""
        return await self._guard.wait(self._outcome())

    async def _wait_for(self, kind: str, step: str | None) -> Progress:
        async for message in self._run.bus.subscribe("progress.>", replay=True):
            fact = decode(message.raw)
            if not isinstance(fact, Progress):
                continue
            if fact.kind == kind and step in {None, fact.step}:
                return fact
            if fact.kind in ENDINGS and fact.workflow_id == self._run.handle.id:
                raise AssertionError(
                    f"The run {fact.kind} without the fact {kind}{f' of the step {step}' if step else ''}"
                    f"{f': {fact.error}' if fact.error else ''}"
                )
        raise AssertionError  # a subscription has no end

    async def _outcome(self) -> RunOutcome:
        try:
            await self._run.handle.result()
        except WorkflowFailureError as error:  # the ending of the run has the error, unless no code prepared one
            if isinstance(error.cause, TimeoutError):
                await self._fail_stalled()
            if not await self._has_prepared_end():
                raise AssertionError(f"The run failed before its code began: {error_text(error.cause)}") from None
        await self._ended()
        return self._so_far()

    async def _has_prepared_end(self) -> bool:
        newest = await describe_execution(self._run.client, self._run.handle.id)
        closing = await read_closing(self._run.client, newest.workflow_id, newest.run_id)
        return closing is not None and closing.kept

    async def _ended(self) -> None:
        """Wait for the ending on the bus: the worker publishes it once Temporal has closed the run."""
        async for _ in self._run.bus.subscribe("progress.>", replay=True):
            if self._so_far().has_ended:
                return

    def _so_far(self) -> RunOutcome:
        return RunOutcome(self._run.handle.id, tuple(self._run.bus.published))

    async def _fail_stalled(self) -> None:
        """Raise for a run that has waited until Temporal's test server gave it up: nothing will happen by itself."""
        raise AssertionError(await describe_stall(self._run, "waits, and no time brings it on")) from None

"""Continues a run as new once what has begun in it is finished, with Perdure's state."""

from datetime import timedelta
from typing import Final, NoReturn

from temporalio import workflow

from perdure.connections.temporal_internals import running_handlers
from perdure.flow.run import Run
from perdure.flow.waiting import wait_until
from perdure.values.reserved import is_reserved
from perdure_orchestrator.interceptors.workflow_outbound import StepScheduler

__all__ = ["Continuation", "settled"]

_BOUND: Final = timedelta(minutes=10)

# Patch ids: histories hold them.
_HANDLERS_FINISH: Final = "perdure-handlers-finish-first"
_HANDLERS_CARRY: Final = "perdure-handlers-continue-with-state"


class Continuation:
    """Carries out what the code of one run demands by ``workflow.continue_as_new``, in its run method or a handler.

    Handlers that still run go first, since they would end in the middle. One that waits for the run's own code would
    wait for ever: after ten minutes the run continues, with a note that names it.
    """

    def __init__(self, scheduler: StepScheduler) -> None:
        self._scheduler = scheduler
        self._demanding = 0  # handlers that demand it themselves

    async def of_run(self, run: Run) -> NoReturn:
        """Continue as the run method demands."""
        await self._handlers_finished(run)
        await settled(run)
        self._scheduler.continue_with_state()

    async def of_handler(self, error: workflow.ContinueAsNewError) -> NoReturn:
        """Continue as a signal's handler demands."""
        if not workflow.patched(_HANDLERS_CARRY):
            raise error
        self._demanding += 1
        await self.of_run(self._scheduler.run)

    async def _handlers_finished(self, run: Run) -> None:
        if self._have_finished() or not workflow.patched(_HANDLERS_FINISH):
            return
        if not await wait_until(self._have_finished, workflow.now() + _BOUND):
            names = ", ".join(sorted(set(_running())))
            text = f"The run continues as new, and its handlers have not finished within {_BOUND}: {names}"
            await run.publisher.publish([run.publisher.fact("note", result=text)])

    def _have_finished(self) -> bool:
        return len(_running()) <= self._demanding


def _running() -> list[str]:
    return [name for name in running_handlers() if not is_reserved(name)]


async def settled(run: Run) -> None:
    """Wait until the decisions that have arrived are judged, and all receipts and facts are stored."""
    while run.approvals.has_unverified:
        await run.approvals.settled()
        await run.publisher.all_published()  # more decisions may arrive meanwhile
    await run.publisher.all_published()

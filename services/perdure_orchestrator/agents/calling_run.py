"""The run that makes a call, and how it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextvars import copy_context
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Self

from temporalio import activity
from temporalio.api.enums.v1 import ContinueAsNewInitiator
from temporalio.client import Client, WorkflowHistoryEventFilterType
from temporalio.service import RPCError, RPCStatusCode

from perdure.bus.settlement import backoff_seconds

if TYPE_CHECKING:
    from temporalio.api.history.v1 import HistoryEvent

__all__ = ["CallingRun"]

_BY_ITSELF = {
    ContinueAsNewInitiator.CONTINUE_AS_NEW_INITIATOR_UNSPECIFIED,
    ContinueAsNewInitiator.CONTINUE_AS_NEW_INITIATOR_WORKFLOW,
}


@dataclass(frozen=True, slots=True)
class CallingRun:
    """One run.

    Attributes:
        client: Returns a client of its Temporal.
        workflow_id: Its workflow id, which later runs may have too.
        run_id: Its own id.
        sessions: The ids of the sessions in which it has worked, by server.
    """

    client: Callable[[], Client]
    workflow_id: str
    run_id: str
    sessions: Mapping[str, str]

    @classmethod
    def of_activity(cls, sessions: Mapping[str, str]) -> Self:
        """Return the run of the activity that is executing."""
        info = activity.info()
        client = partial(copy_context().run, activity.client)
        return cls(client, info.workflow_id or "", info.workflow_run_id or "", sessions)

    async def next(self) -> Self | None:
        """Wait until the run has ended, and return the run that it continues as, if any.

        A run that Temporal begins again, by a retry policy, a schedule or a reset, is another run.

        Raises:
            RPCError: Temporal does not answer.
        """
        tries = 0
        try:
            while (event := await self._close_event()) is None:
                tries += 1
                await asyncio.sleep(backoff_seconds(tries))
            return self._next(event)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return None  # it was deleted
            raise

    async def _close_event(self) -> HistoryEvent | None:
        """Wait for the run's last event; None if the server has stopped waiting."""
        handle = self.client().get_workflow_handle(self.workflow_id, run_id=self.run_id)
        close = WorkflowHistoryEventFilterType.CLOSE_EVENT
        async for event in handle.fetch_history_events(
            wait_new_event=True, event_filter_type=close, skip_archival=True
        ):
            return event
        return None

    def _next(self, event: HistoryEvent) -> Self | None:
        if not event.HasField("workflow_execution_continued_as_new_event_attributes"):
            return None
        continued = event.workflow_execution_continued_as_new_event_attributes
        return replace(self, run_id=continued.new_execution_run_id) if continued.initiator in _BY_ITSELF else None

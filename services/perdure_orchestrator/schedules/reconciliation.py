"""Keeps Temporal's schedules as the routes of the file are: new ones, changed ones and those that are gone."""

import logging
from collections.abc import Callable, Sequence
from datetime import timedelta
from time import monotonic
from typing import Final

from temporalio.client import (
    Client,
    Schedule,
    ScheduleAlreadyRunningError,
    ScheduleDescription,
    ScheduleHandle,
    ScheduleUpdate,
    ScheduleUpdateInput,
)
from temporalio.service import RPCError, RPCStatusCode

from perdure.bus import RawMessage
from perdure.config.routes import Route
from perdure.contracts.schedules import Schedules, ScheduleState
from perdure_orchestrator.schedules.change_log import ScheduleChangeLog
from perdure_orchestrator.schedules.declaration import (
    PAUSED_BY_FILE,
    declared_schedule,
    is_as_declared,
    route_of,
    schedule_id,
)

__all__ = ["RECONCILE_EVERY", "RouteSchedules"]

RECONCILE_EVERY: Final = timedelta(seconds=1)
"""So soon after it has become the current one, a process changes the schedules; after that it looks more seldom."""

_EVERY: Final = timedelta(seconds=30)
_SHOWN: Final = 5  # next times

_log = logging.getLogger(__name__)


class RouteSchedules:
    """The schedules of the routes with a ``cron``."""

    def __init__(
        self,
        client: Client,
        routes: Sequence[Route],
        queue: str,
        *,
        changes: ScheduleChangeLog,
        is_current: Callable[[], bool] = lambda: True,
    ) -> None:
        """Change nothing yet.

        Args:
            client: A client that encodes nothing: a schedule carries no payload of anybody's.
            routes: All routes.
            queue: The task queue of the orchestrator.
            changes: Records what the routes change.
            is_current: Returns whether new runs start on the code, and by the routes, of this process.
        """
        self._client = client
        self._declared = {it.label: declared_schedule(it, queue) for it in routes if it.cron is not None}
        self._queue = queue
        self._changes = changes
        self._is_current = is_current
        self._problems: dict[str, str] = {}  # by route
        self._next_look = 0.0  # by the monotonic clock

    async def reconcile(self) -> None:
        """Create, change and delete schedules until they are as declared; another process may do the same.

        Raises:
            RPCError: Temporal does not answer.
            Unavailable: A change cannot be recorded now; one that was made is recorded by a later look.
        """
        if not self._is_current() or monotonic() < self._next_look:
            return
        for label, declared in self._declared.items():
            try:
                await self._ensure(label, declared)
                await self._changes.record(label)
                self._problems.pop(label, None)
            except RPCError as error:
                if error.status is not RPCStatusCode.INVALID_ARGUMENT:
                    raise
                if self._problems.get(label) != error.message:
                    _log.error("Temporal refuses the schedule of the route %s: %s", label, error.message)
                self._problems[label] = error.message
        async for found in await self._client.list_schedules():
            gone = route_of(self._queue, found.id)
            if gone is not None and gone not in self._declared:
                await self._changes.record(gone)
                await self._delete(gone)
        self._next_look = monotonic() + _EVERY.total_seconds()

    async def answer(self, _: RawMessage) -> bytes:
        """Answer a request with ``Schedules`` in JSON."""
        states = [await self._state(label) for label in self._declared]
        return Schedules(schedules=tuple(states)).model_dump_json().encode()

    def _scheduled(self, label: str) -> ScheduleHandle:
        return self._client.get_schedule_handle(schedule_id(self._queue, label))

    async def _ensure(self, label: str, declared: Schedule) -> None:
        found = await self._described(label)
        if found is None:
            try:
                await self._client.create_schedule(schedule_id(self._queue, label), declared)
                _log.info("Temporal has a schedule for the route %s now", label)
            except ScheduleAlreadyRunningError:
                pass  # another process was faster; the next look compares
            return
        if not is_as_declared(found.schedule, declared):
            await self._scheduled(label).update(lambda given: _changed(given, declared))
            _log.info("the schedule of the route %s has changed", label)
        await self._ensure_pause(label, found, paused=declared.state.paused)

    async def _ensure_pause(self, label: str, found: ScheduleDescription, *, paused: bool) -> None:
        state = found.schedule.state
        if paused and not state.paused:
            await self._scheduled(label).pause(note=PAUSED_BY_FILE)
        elif not paused and state.paused and state.note == PAUSED_BY_FILE:
            await self._scheduled(label).unpause(note="resumed by perdure.yaml")

    async def _delete(self, label: str) -> None:
        try:
            await self._scheduled(label).delete()
            _log.info("the schedule of the route %s is deleted", label)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise

    async def _described(self, label: str) -> ScheduleDescription | None:
        try:
            return await self._scheduled(label).describe()
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            return None

    async def _state(self, label: str) -> ScheduleState:
        found = await self._described(label)
        if found is None:
            return ScheduleState(route=label, problem=self._problems.get(label))
        state, info = found.schedule.state, found.info
        return ScheduleState(
            route=label,
            next=() if state.paused else tuple(info.next_action_times[:_SHOWN]),
            paused=(state.note or "paused at Temporal") if state.paused else None,
            published=info.num_actions,
            missed=info.num_actions_missed_catchup_window,
            problem=self._problems.get(label),
        )


def _changed(given: ScheduleUpdateInput, declared: Schedule) -> ScheduleUpdate:
    """Return the declared schedule with the pause that it has: that is changed by itself."""
    return ScheduleUpdate(
        Schedule(
            action=declared.action,
            spec=declared.spec,
            policy=declared.policy,
            state=given.description.schedule.state,
        )
    )

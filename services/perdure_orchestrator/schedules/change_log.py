"""Records on ADMIN what the file of routes changes of schedules: what ADMIN does not know yet is a change."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final, Literal

from perdure.bus import Bus, decode
from perdure.config.routes import Route
from perdure.config.routes_digest import routes_digest
from perdure.contracts import DeclaredSchedule, ScheduleChanged, to_token
from perdure.errors import InvalidMessage

__all__ = ["ScheduleChangeLog"]

_BY: Final = "perdure/orchestrator"

_Act = Literal["created", "changed", "paused", "resumed", "removed"]


class ScheduleChangeLog:
    """Compares what the routes declare with the newest record of each, so that a crash loses none.

    Args:
        bus: Where ADMIN is.
        routes: All routes.
    """

    def __init__(self, bus: Bus, routes: Iterable[Route]) -> None:
        declared = list(routes)
        self._bus = bus
        self._declared = {it.label: _declared(it) for it in declared if it.cron is not None}
        self._rules = routes_digest(declared)

    async def record(self, route: str) -> None:
        """Record what has changed of a route, if ADMIN does not know it: after Temporal has it, or before it is gone.

        Raises:
            Unavailable: The bus does not store it; nothing is lost if this is called again.
        """
        before, now = await self._known(route), self._declared.get(route)
        if now == before:
            return
        if before is None or now is None:
            await self._publish("removed" if now is None else "created", route, before, now)
            return
        if now.model_copy(update={"paused": before.paused}) != before:
            await self._publish("changed", route, before, now.model_copy(update={"paused": before.paused}))
        if now.paused != before.paused:
            await self._publish("paused" if now.paused else "resumed", route, before, now)

    async def _known(self, route: str) -> DeclaredSchedule | None:
        """Return what ADMIN's newest record declares; what nobody can read declares nothing."""
        newest = await self._bus.last(f"admin.schedule.{to_token(route)}")
        try:
            known = None if newest is None else decode(newest.raw)
        except InvalidMessage:
            return None
        return known.declared if isinstance(known, ScheduleChanged) else None

    async def _publish(
        self, act: _Act, route: str, before: DeclaredSchedule | None, now: DeclaredSchedule | None
    ) -> None:
        at = datetime.now(UTC)
        change = ScheduleChanged(act=act, route=route, declared=now, before=before, rules=self._rules, by=_BY, at=at)
        await self._bus.publish(change)


def _declared(route: Route) -> DeclaredSchedule:
    return DeclaredSchedule(
        cron=route.cron or "",
        timezone=route.timezone,
        catch_up_seconds=route.catch_up.total_seconds(),
        paused=route.paused,
    )

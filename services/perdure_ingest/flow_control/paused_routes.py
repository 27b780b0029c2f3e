"""Which routes are paused, and the starts that wait for a route without a queue of its own to go on."""

import asyncio
import logging
from collections.abc import Collection
from dataclasses import replace
from typing import Final

from perdure.bus import Bus
from perdure.bus.envelope import MESSAGE_ID, header_value
from perdure.bus.views.pauses import route_pause
from perdure.contracts import StartWorkflow, to_token
from perdure.errors import Unavailable
from perdure_ingest.flow_control.placement import Placement
from perdure_ingest.flow_control.waiting import WaitingSubjects, encode_start, read_start
from perdure_ingest.verdict_log import VerdictLog

__all__ = ["PausedRoutes"]

_LOOK_SECONDS: Final = 0.5
_ALL: Final = "admin.pause.*"

_log = logging.getLogger(__name__)


class PausedRoutes:
    """Looks again and again; as long as NATS does not answer, what it found last holds.

    Args:
        bus: The bus.
        verdicts: Where verdicts are published.
        routes: The names of the routes that start runs.
        queued: Those of them with a queue of their own, in which their starts wait.
    """

    def __init__(self, bus: Bus, verdicts: VerdictLog, routes: Collection[str], queued: Collection[str]) -> None:
        self._bus = bus
        self._verdicts = verdicts
        self._routes = routes
        self._queued = queued
        self._paused: set[str] = set()
        self._seen = -1  # the newest message about a pause that was obeyed

    def is_paused(self, route: str) -> bool:
        """Return whether a route is paused, as of the last look.

        Args:
            route: Its name, as a token.
        """
        return route in self._paused

    async def first_look(self) -> None:
        """Look before anything is routed.

        Raises:
            Unavailable: NATS does not answer.
        """
        self._paused = await self._read()

    async def hold(self, start: StartWorkflow, key: str) -> Placement:
        """Store a start of a paused route until the route goes on.

        Raises:
            Unavailable: NATS does not answer.
        """
        raw = encode_start(_subjects(start.route).subject(start, key), start)
        # The queue into which it may go later has the same stream, which knows the id of the start itself.
        headers = {**raw.headers, MESSAGE_ID: header_value(f"pause.{start.message_id}")}
        await self._bus.store(replace(raw, headers=headers))
        return Placement("pause")

    async def look(self) -> None:
        """Look once, and release what waits for the routes that are not paused any more.

        Raises:
            Unavailable: NATS does not answer.
        """
        newest = await self._bus.last(_ALL)
        sequence = 0 if newest is None else newest.sequence
        if sequence == self._seen:
            return
        paused = await self._read()
        self._paused |= paused
        for route in self._routes:
            if route not in self._queued and to_token(route) not in paused:
                await self._release(route)
        for token in self._paused ^ paused:
            _log.info("the route of the token %s goes on", token)
        self._paused, self._seen = paused, sequence

    async def watch(self) -> None:
        """Look for ever."""
        while True:
            try:
                await self.look()
            except Unavailable as error:
                _log.warning("cannot see which routes are paused, so what was so stays so: %s", error)
            await asyncio.sleep(_LOOK_SECONDS)

    async def _read(self) -> set[str]:
        return {to_token(route) for route in self._routes if await route_pause(self._bus, route) is not None}

    async def _release(self, route: str) -> None:
        """Publish the starts that wait, oldest first; those that come meanwhile wait behind them."""
        pattern = _subjects(route).pattern
        while (message := await self._bus.first(pattern)) is not None:
            start = await read_start(message, self._bus)
            if start is None:
                continue
            await self._bus.publish(start)
            await self._verdicts.publish_changes(
                [self._verdicts.change(start, "released", workflow_id=start.workflow_id)]
            )
            await self._bus.delete(message.stream, message.sequence)


def _subjects(route: str) -> WaitingSubjects:
    return WaitingSubjects("waiting", "pause", to_token(route))

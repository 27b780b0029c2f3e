"""Honest traffic during the attacks: events that start runs, and an approver who decides their requests."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from perdure.bus import decode
from perdure.contracts import ENDINGS, Progress, to_token
from tests.support.attacks.suite import WITHIN, AttackedSuite

__all__ = ["HonestTraffic", "honest_traffic"]

_MOST: Final = 500  # rounds; a suite that is attacked for longer goes on without them
_PAUSE: Final = 0.2  # seconds between two rounds


class HonestTraffic:
    """Publishes, approves, and checks what came of it; one run after the other.

    Attributes:
        done: The ids of the requests that hana approved, each of which completed its run.
    """

    def __init__(self, suite: AttackedSuite) -> None:
        self.done: list[str] = []
        self._suite = suite
        self._is_over = asyncio.Event()

    async def run(self) -> None:
        """Do one round after the other until ``stop``."""
        while not self._is_over.is_set() and len(self.done) < _MOST:
            await self._round(f"honest-{len(self.done) + 1}")
            await asyncio.sleep(_PAUSE)

    def stop(self) -> None:
        """End after this round."""
        self._is_over.set()

    async def _round(self, event: str) -> None:
        suite, run = self._suite, f"Asking~{event}"
        suite.runs.add(run)
        body = json.dumps({"title": f"Greet {event}?", "policy": {"people": ["hana"]}}).encode()
        await suite.publish_raw("publisher", "events.work.asking", body, **{"Nats-Msg-Id": event})
        requested = await suite.requested("Asking", run)
        code = await suite.decide("bot", suite.vote(requested, "hana"))
        assert code == "accepted", f"hana's approval of {requested.request_id} was refused: {code}"
        result = await self._result(run)
        assert (result["outcome"], result["by"]) == ("approved", "hana")
        self.done.append(requested.request_id)

    async def _result(self, run: str) -> dict[str, str]:
        async with asyncio.timeout(WITHIN):
            async for stored in self._suite.world.bus.subscribe(f"progress.Asking.{to_token(run)}", replay=True):
                fact = decode(stored.raw)
                assert isinstance(fact, Progress)
                if fact.kind in ENDINGS:
                    assert fact.kind == "completed", fact
                    assert isinstance(fact.result, dict)
                    return {name: str(value) for name, value in fact.result.items()}
        raise AssertionError("the bus was closed")


@asynccontextmanager
async def honest_traffic(suite: AttackedSuite) -> AsyncIterator[HonestTraffic]:
    """Keep honest traffic going for as long as the block lasts; afterwards all of it has completed."""
    traffic = HonestTraffic(suite)
    running = asyncio.create_task(traffic.run())
    try:
        yield traffic
    finally:
        traffic.stop()
        await running

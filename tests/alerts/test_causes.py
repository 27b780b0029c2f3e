"""Alerts on a real suite and a real Prometheus: each fires for its cause, and is resolved once that is mended.

The rules are those of ``deploy/prometheus/alerts.yml``, but for how long a cause must last.
"""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest
import pytest_asyncio

from perdure.local.services import SERVICES
from perdure.local.state import Endpoints, read_endpoints
from perdure.telemetry.alerts_page import rules_file
from tests.support.http_peer import Answer, Post, http_peer
from tests.support.prometheus import Prometheus, prometheus
from tests.support.reviewers import Reviewers
from tests.support.suite import World, open_world

pytestmark = pytest.mark.asyncio(loop_scope="module")

LASTS: Final = timedelta(seconds=8)
WITHIN: Final = 120.0  # seconds; a healthy run needs a fraction
HEALTHY: Final = {"PerdureWatchdog"}


@dataclass
class Watched:
    """A suite that a Prometheus watches, with a channel that can be made to refuse.

    Attributes:
        status: What the webhook answers.
    """

    world: World
    server: Prometheus
    endpoints: Endpoints
    status: list[int]

    async def until(self, holds: Callable[[], bool], what: str) -> None:
        """Wait for a fact."""
        try:
            async with asyncio.timeout(WITHIN):
                while not holds():
                    await asyncio.sleep(0.3)
        except TimeoutError:
            pytest.fail(f"{what}; there fire: {self.server.firing()}")

    async def fires(self, name: str) -> None:
        """Wait until an alert fires, and check that it did not take twice as long as its cause must last."""
        await self.until(lambda: name in self.server.firing(), f"{name} did not fire")
        assert datetime.now(UTC) - self.server.firing()[name] < 2 * LASTS

    async def is_healthy(self) -> None:
        """Wait until nothing fires but the alert that always does."""
        await self.until(lambda: set(self.server.firing()) == HEALTHY, "something still fires")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def watched(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Watched]:
    folder, own, status = tmp_path_factory.mktemp("suite"), tmp_path_factory.mktemp("prometheus"), [200]

    def answer(_: Post) -> Answer:
        return Answer(status[0])

    with http_peer(answer) as url:
        channels = {"hook": {"webhook": {"url": url}}}
        routes = [{"on": "work.asking", "start": "Asking"}]
        async with open_world(folder, routes=routes, notifier={"channels": channels}) as world:
            endpoints = read_endpoints(world.settings.state)
            assert endpoints is not None
            targets = {job: endpoints.services[job].removeprefix("http://") for job in SERVICES}
            with prometheus(own, rules_file(LASTS), targets) as server:
                suite = Watched(world, server, endpoints, status)
                await suite.until(lambda: server.is_ready() and server.has_scraped(SERVICES), "nothing is scraped")
                await suite.is_healthy()
                yield suite


@contextmanager
def stalled(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


async def test_a_service_that_does_not_answer(watched: Watched) -> None:
    with stalled(watched.endpoints.pids["audit"]):
        await watched.fires("PerdureServiceDown")

    await watched.is_healthy()


async def test_a_service_that_cannot_reach_temporal(watched: Watched) -> None:
    with stalled(watched.endpoints.pids["temporal"]):
        await watched.fires("PerdureServiceNotReady")

    await watched.is_healthy()


async def test_a_channel_that_refuses(watched: Watched) -> None:
    people = await Reviewers.of(watched.world)
    watched.status[0] = 500
    await people.request("refused")
    await watched.fires("PerdureChannelDown")
    watched.status[0] = 200

    await watched.is_healthy()

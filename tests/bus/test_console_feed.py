"""What open pages follow: one consumer a stream for all of them; sequence numbers are the id of what they show."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest_asyncio

from perdure.bus import NatsBus, connect
from perdure.bus.jetstream.provision import provision
from perdure.config.settings import NatsSettings
from tests.support.console_pages import Pages, open_pages
from tests.support.facts import fact

FOLLOWED = ("PROGRESS", "APPROVALS", "RECEIPTS", "VERDICTS", "DLQ", "STUCK")


@pytest_asyncio.fixture
async def nats(nats_settings: NatsSettings) -> AsyncIterator[NatsBus]:
    async with connect(nats_settings, source="perdure/test", within=5) as bus:
        await provision(bus.js, "test")
        yield bus


@pytest_asyncio.fixture
async def pages(nats: NatsBus, tmp_path: Path) -> AsyncIterator[Pages]:
    async with open_pages(nats, tmp_path, "ada") as pages:
        yield pages


class Push:
    """The server-sent events of one page."""

    def __init__(self, answer: httpx2.Response) -> None:
        self._lines = answer.aiter_lines()

    async def next(self) -> tuple[str, str]:
        """Return the id and the data of the next one."""
        id_, data = "", []
        async with asyncio.timeout(20):
            async for line in self._lines:
                name, _, value = line.partition(": ")
                if name == "id":
                    id_ = value
                elif name == "data":
                    data.append(value)
                elif not line and data:
                    return id_, "\n".join(data)
        raise AssertionError("the stream has ended")


async def one_consumer_a_stream(bus: NatsBus) -> bool:
    """Return whether it comes to that; a page that is drawn reads through others for a moment."""
    for _ in range(400):
        found = [(await bus.js.stream_info(stream)).state.consumer_count for stream in FOLLOWED]
        if found == [1] * len(FOLLOWED):
            return True
        await asyncio.sleep(0.1)
    return False


async def test_fifty_open_pages_cost_the_bus_no_consumer(pages: Pages, nats: NatsBus) -> None:
    assert await one_consumer_a_stream(nats)
    async with pages.entered("ada") as ada:
        ada.timeout = httpx2.Timeout(30)
        streams = [ada.stream("GET", "/live/runs") for _ in range(50)]
        pushes = [Push(await stream.__aenter__()) for stream in streams]
        for push in pushes:
            await push.next()
        await nats.publish(fact(1, "shown"))
        shown = await asyncio.gather(*(push.next() for push in pushes))
        during = await one_consumer_a_stream(nats)
        for stream in streams:
            await stream.__aexit__(None, None, None)

    assert all(">shown</a>" in data for _, data in shown)
    assert during


async def test_a_page_that_comes_back_gets_what_it_has_missed_once(pages: Pages, nats: NatsBus) -> None:
    async with pages.entered("ada") as ada:
        async with ada.stream("GET", "/live/runs") as stream:
            last, _ = await Push(stream).next()
        sequences = [await nats.publish(fact(1, f"run-{number}")) for number in range(3)]
        async with ada.stream("GET", "/live/runs", headers={"Last-Event-ID": last}) as stream:
            push = Push(stream)
            id_, data = await push.next()
            while f"PROGRESS:{sequences[-1]}," not in id_:
                id_, data = await push.next()

    assert [data.count(f">run-{number}</a>") for number in range(3)] == [1, 1, 1]


async def test_a_page_that_has_missed_nothing_gets_nothing(pages: Pages, nats: NatsBus) -> None:
    async with pages.entered("ada") as ada:
        async with ada.stream("GET", "/live/runs") as stream:
            last, _ = await Push(stream).next()
        async with ada.stream("GET", "/live/runs", headers={"Last-Event-ID": last}) as stream:
            push = asyncio.create_task(Push(stream).next())
            await asyncio.sleep(0.5)  # nothing can be waited for
            early = push.done()
            await nats.publish(fact(1, "late"))
            _, data = await push

    assert not early
    assert ">late</a>" in data

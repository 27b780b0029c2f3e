"""Which runs flow control holds is read once for all who ask, without bodies where the headers name the run."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from perdure.bus import MemoryBus, StoredMessage
from perdure.contracts import EventReference, StartWorkflow
from perdure_ingest.flow_control.waiting import encode_start
from perdure_orchestrator.expected_runs import ExpectedRuns

REFERENCE = EventReference(id="e", type="t", source="s", stream_sequence=1)
SUBJECT = "waiting.start.r.3.k"


class CountingBus(MemoryBus):
    """Counts the ranges and the whole messages that are read."""

    def __init__(self) -> None:
        super().__init__()
        self.ranges = 0
        self.wholes = 0

    async def read_range(
        self, subject: str, *, first: int, last: int, bodies: bool = True
    ) -> AsyncGenerator[StoredMessage]:
        self.ranges += 1
        await asyncio.sleep(0)  # as a server that answers later
        async for message in super().read_range(subject, first=first, last=last, bodies=bodies):
            yield message

    async def get(self, stream: str, sequence: int) -> StoredMessage | None:
        self.wholes += 1
        return await super().get(stream, sequence)


def start(run: str) -> StartWorkflow:
    return StartWorkflow(route="r", event=REFERENCE, workflow="W", workflow_id=run, digest="a" * 64, input=[])


async def test_many_who_ask_at_once_cost_one_reading_of_headers() -> None:
    bus = CountingBus()
    await bus.publish_raw(encode_start(SUBJECT, start("W~1 é")))
    expected = ExpectedRuns(bus, timedelta(0), now=lambda: datetime.now(UTC))

    found = await asyncio.gather(*(expected.is_held(run) for run in ("W~1 é", "W~2") * 32))

    assert found == [True, False] * 32
    assert (bus.ranges, bus.wholes) == (2, 0)


async def test_the_run_of_a_start_that_an_older_version_stored_is_in_its_body() -> None:
    bus = CountingBus()
    raw = encode_start(SUBJECT, start("W~1"))
    await bus.publish_raw(replace(raw, headers={}))
    await bus.publish_raw(replace(raw, body=b"{", headers={}))
    expected = ExpectedRuns(bus, timedelta(0), now=lambda: datetime.now(UTC))

    assert await expected.is_held("W~1")
    assert bus.wholes == 2

"""A stream or a volume that is lost and made anew counts from 1 again, and no new event is taken for an old one."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from nats.js.errors import NotFoundError

from perdure.contracts.audit import AUDIT_RECORDS, AuditRecordsFound, AuditRecordsQuery
from tests.support.suite import World

OpenWorld = Callable[..., AbstractAsyncContextManager[World]]

BARE = 3


async def test_each_event_starts_a_run_after_its_stream_was_made_anew(world: OpenWorld) -> None:
    async with world() as live:
        for _ in range(BARE):
            await live.publish("work.quick", b'{"steps": 1}')
        first = set(await live.completed(BARE))
        assert await recorded_events(live) == BARE

        await live.bus.js.delete_stream("EVENTS")
        await until_made_anew(live)
        for _ in range(BARE):  # the same bodies, at the same sequences
            await live.publish("work.quick", b'{"steps": 1}')
        both = set(await live.completed(2 * BARE))

        assert len(both) == 2 * BARE
        assert {run.rpartition(".")[0] for run in both - first} == {run.rpartition(".")[0] for run in first}
        assert await recorded_events(live) == 2 * BARE
        assert await live.last("DLQ") == 0


async def recorded_events(live: World) -> int:
    """Wait until the audit has as many messages of EVENTS as were published so far, or more, and count them."""
    query = AuditRecordsQuery(stream="EVENTS", limit=500).model_dump_json().encode()
    expected = len(await live.facts())
    async with asyncio.timeout(60):
        while True:
            reply = AuditRecordsFound.model_validate_json(await live.bus.request(AUDIT_RECORDS, query))
            if len(reply.records) >= expected:
                return len(reply.records)
            await asyncio.sleep(0.1)


async def until_made_anew(live: World) -> None:
    """Wait until a service has made the stream, and ingest and audit read it again."""
    async with asyncio.timeout(120):
        while True:
            try:
                consumers = {info.name for info in await live.bus.js.consumers_info("EVENTS")}
            except NotFoundError:
                consumers = set()
            if {"ingest", "audit"} <= consumers:
                return
            await asyncio.sleep(0.2)

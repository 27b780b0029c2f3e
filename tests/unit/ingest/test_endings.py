"""Endings of runs free slots, whatever else lies on the progress subjects and whenever NATS is away."""

import asyncio
from datetime import UTC, datetime

from perdure.bus import MemoryBus, RawMessage
from perdure.contracts import Progress
from perdure.errors import Unavailable
from perdure_ingest.flow_control.endings import has_ended, watch_endings

ENDED = Progress(workflow="Echo", workflow_id="r", run_id="1", sequence=2, kind="completed", at=datetime.now(UTC))
GARBAGE = RawMessage("progress.Echo.r", b"no progress at all", {})


async def test_a_message_that_is_no_progress_and_a_store_that_is_away_do_not_end_the_watch() -> None:
    bus, freed = MemoryBus(), asyncio.Queue[str]()
    unavailable = 1

    async def free(workflow_id: str) -> None:
        nonlocal unavailable
        if unavailable:
            unavailable -= 1
            raise Unavailable("the bucket is away")
        await freed.put(workflow_id)

    watching = asyncio.create_task(watch_endings(bus, "Echo", free))
    await asyncio.sleep(0)
    await bus.publish_raw(GARBAGE)
    await bus.publish(ENDED)
    await bus.publish(ENDED.model_copy(update={"workflow_id": "s", "run_id": "2"}))
    async with asyncio.timeout(5):
        assert await freed.get() == "s"
    assert not watching.done()
    watching.cancel()


async def test_a_message_that_is_no_progress_does_not_hide_an_ending() -> None:
    bus = MemoryBus()
    await bus.publish_raw(GARBAGE)
    await bus.publish(ENDED)

    assert await has_ended(bus, "Echo", "r")

"""A run whose session with a server is on a worker that ends."""

import asyncio

from tests.replay.recording import Recording
from tests.replay.scenes.scene import scene


@scene(before="perdure-calls-follow-their-session")
async def session_on_one_worker(recording: Recording) -> None:
    async with recording.worker():
        run = await recording.start("Jotting")
        await run.signal("go_on")
        await recording.ended(run)


@scene(before="perdure-calls-follow-their-session")
async def session_on_a_worker_that_ends(recording: Recording) -> None:
    async with recording.worker():
        run = await recording.start("Jotting")
        await recording.until(run, "activity_task_completed", 2)
        await recording.at_rest(run)
    async with recording.worker():
        await run.signal("go_on")
        ending = asyncio.create_task(recording.ended(run))
        while not ending.done():
            await recording.at_rest(run)
            await recording.skip(seconds=21)  # nobody takes what is on the queue of the first worker
        await ending

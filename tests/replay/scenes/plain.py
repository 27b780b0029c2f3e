"""Workflows that know nothing of Perdure."""

from tests.replay.recording import Recording
from tests.replay.scenes.scene import scene


@scene()
async def plain_greeting(recording: Recording) -> None:
    async with recording.worker():
        run = await recording.start("Greeting", "Ann")
        await recording.until(run, "activity_task_completed")
        await run.execute_update("rename", "Bob")
        await recording.ended(run)


@scene()
async def plain_tossing(recording: Recording) -> None:
    async with recording.worker():
        await recording.ended(await recording.start("Tossing"))


@scene()
async def plain_waking(recording: Recording) -> None:
    async with recording.worker():
        run = await recording.start("Waking")
        await recording.ended(run)
    for child in ("woken", "cancelled"):
        await recording.keep(recording.handle(f"{run.id}.{child}"))


@scene()
async def plain_failing(recording: Recording) -> None:
    async with recording.worker():
        await recording.ended(await recording.start("Failing"))


@scene()
async def plain_renewing(recording: Recording) -> None:
    async with recording.worker():
        run = await recording.start("Renewing", 2)
        first = recording.handle(run.id, run.first_execution_run_id)
        await recording.ended(first, "1")
        await recording.ended(recording.handle(run.id), "2")

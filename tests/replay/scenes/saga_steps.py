"""Sagas that are cancelled while a step runs."""

from tests.replay.recording import Recording
from tests.replay.scenes.scene import scene

_WAITS = "perdure-sagas-wait-for-their-steps"


@scene(before=_WAITS)
async def saga_cancelled_as_its_step_runs(recording: Recording) -> None:
    async with recording.worker():
        run = await recording.start("Charging", "hat", "charge_card")
        await recording.until(run, "activity_task_scheduled")
        await recording.at_rest(run)
        await run.cancel()
        await recording.ended(run)


@scene(before=_WAITS)
async def saga_cancelled_as_its_step_completes(recording: Recording) -> None:
    async with recording.worker():
        run = await recording.start("Charging", "hat", "charge_for_sure")
        await recording.until(run, "activity_task_scheduled")
        await recording.at_rest(run)
        await run.cancel()
        await recording.ended(run)


@scene()
async def saga_that_undoes_with_a_result(recording: Recording) -> None:
    async with recording.worker():
        await recording.ended(await recording.start("Charging", "shoe", "charge_card"))


@scene(before=_WAITS)
async def saga_cancelled_as_its_tool_runs(recording: Recording) -> None:
    async with recording.worker():
        run = await recording.start("BuyingSlowly", "hat")
        await recording.until(run, "activity_task_scheduled")
        await recording.at_rest(run)
        await run.cancel()
        await recording.ended(run)

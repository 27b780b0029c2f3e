"""A run continues as new while a handler runs, or a handler continues it."""

from tests.replay.recording import Recording
from tests.replay.scenes.scene import scene


@scene(before="perdure-handlers-finish-first")
async def continued_as_a_handler_runs(recording: Recording) -> None:
    run = await recording.start("Minuting", 0)
    async with recording.worker():
        await recording.at_rest(run)
        await run.signal("minute", "one")
        await run.result()
    await recording.keep(recording.handle(run.id, run.first_execution_run_id))


@scene(before="perdure-handlers-continue-with-state")
async def continued_by_a_handler(recording: Recording) -> None:
    run = await recording.start("Minuting", 0)
    async with recording.worker():
        await recording.at_rest(run)
        await run.signal("turn", 1)
        await run.result()
    await recording.keep(recording.handle(run.id, run.first_execution_run_id))

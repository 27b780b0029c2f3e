"""An object that lacks a required argument by its name is the first argument itself."""

from tests.replay.recording import Recording
from tests.replay.scenes.scene import scene


@scene(before="perdure-an-object-fits-by-place")
async def signals_of_an_object_by_place(recording: Recording) -> None:
    run = await recording.start("Applying")
    async with recording.worker():
        for options in ({}, {"dry": True}, {"options": {"deep": True}, "dry": True}):
            await run.signal("apply", options)
        await recording.at_rest(run)
        await run.signal("stop")
        await recording.ended(run)

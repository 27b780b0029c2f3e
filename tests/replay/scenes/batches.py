"""Folders of more documents than a run analyses."""

from tests.replay.recording import OPEN, Recording
from tests.replay.scenes.scene import scene

_BOUNDED = "perdure-batches-are-bounded"


@scene()
async def documents_of_a_crowded_folder(recording: Recording) -> None:
    async with recording.worker():
        await recording.ended(await recording.start("DocumentBatch", {"path": "crowded"}))


@scene()
async def documents_of_a_crowded_folder_in_the_past(recording: Recording) -> None:
    recording.unpatched |= {_BOUNDED}
    async with recording.worker():
        run = await recording.start("DocumentBatch", {"path": "crowded"})
        await recording.until(run, "start_child_workflow_execution_initiated", 501)
        await recording.keep(run, OPEN)

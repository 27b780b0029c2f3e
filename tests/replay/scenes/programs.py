"""Programs of those who come from mcp-agent."""

from tests.replay.recording import OPEN, Recording
from tests.replay.scenes.scene import scene


def echo(prompt: str) -> str:
    return prompt


@scene(script=echo, also_real=True)
async def program_approved(recording: Recording) -> None:
    async with recording.worker():
        run = await recording.start("ModerationProgram", "Buy now!")
        await recording.until(run, "activity_task_completed")
        await recording.at_rest(run)
        await recording.keep(run, OPEN)
        await run.signal("approve", {"reviewer": "ann", "comments": "less loud"})
        await recording.ended(run)


@scene(script=echo)
async def program_rejected(recording: Recording) -> None:
    run = await recording.start("ModerationProgram", "Buy now!", start_signal="refuse", start_signal_args=["ann", "no"])
    async with recording.worker():
        await recording.ended(run)


@scene(script=echo)
async def program_of_sides(recording: Recording) -> None:
    async with recording.worker():
        await recording.ended(await recording.start("SidesProgram", "a document"))


@scene()
async def program_ordering(recording: Recording) -> None:
    async with recording.worker():
        await recording.ended(await recording.start("OrderProgram", {"id": "1"}))


@scene()
async def program_ordering_in_vain(recording: Recording) -> None:
    async with recording.worker():
        await recording.ended(await recording.start("OrderProgram", {"id": "2", "far": True}))


@scene(script=["disputed"])
async def program_waiting_for_a_signal(recording: Recording) -> None:
    async with recording.worker():
        run = await recording.start("GradingProgram", "hat")
        await recording.until(run, "activity_task_completed", 2)
        await recording.at_rest(run)
        await recording.keep(run, OPEN)
        await run.signal("teacher_approval", "Ms Byron")
        await recording.ended(run)


@scene(script=["disputed"])
async def program_signalled_early(recording: Recording) -> None:
    run = await recording.start("GradingProgram", "hat", start_signal="teacher_approval")
    async with recording.worker():
        await recording.ended(run)

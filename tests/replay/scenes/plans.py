"""Many agents at once, and a plan of which a task fails."""

from typing import Any

from tests.replay.recording import Recording
from tests.replay.scenes.patterns import ONCE, Shaped
from tests.replay.scenes.scene import scene


def one_fails(prompt: str) -> Any:
    if prompt.startswith("Plan"):
        tasks = [{"worker": "counter", "task": "count"}, {"worker": "writer", "task": "write"}]
        return Shaped(tasks=tasks if "Done:\nnothing yet" in prompt else [])
    return ValueError("no numbers") if prompt == "count" else prompt


@scene(script=lambda prompt: prompt, before="perdure-parallel-is-bounded")
async def pattern_parallel_in_turns(recording: Recording) -> None:
    async with recording.worker():
        await recording.ended(await recording.start("Crowding"))


@scene(script=one_fails, settings=ONCE, before="perdure-plans-go-on")
async def pattern_plan_goes_on(recording: Recording) -> None:
    async with recording.worker():
        await recording.ended(await recording.start("Planned"))

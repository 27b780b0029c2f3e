"""Parts that run at the same time, of which one has a bug: as once, it is a failure among results."""

from tests.replay.recording import Recording
from tests.replay.scenes.scene import scene


@scene(script=lambda prompt: prompt, settings={"temporal": {"on_bug": "fail"}})
async def pattern_parallel_with_a_bug(recording: Recording) -> None:
    async with recording.worker():
        await recording.ended(await recording.start("Stumbling"))

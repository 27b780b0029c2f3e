"""Several agents at work."""

from pydantic import BaseModel

from tests.replay.recording import Recording
from tests.replay.scenes.scene import scene

ONCE = {"llm": {"retry": {"maximum_attempts": 1}}}


class Shaped(BaseModel):
    """Any structured answer."""

    model_config = {"extra": "allow"}


def in_capitals(prompt: str) -> str | Exception:
    return ValueError("no names") if "names" in prompt else prompt.upper()


@scene(script=in_capitals, settings=ONCE)
async def pattern_parallel(recording: Recording) -> None:
    async with recording.worker():
        await recording.ended(await recording.start("Sides"))


@scene(script=[Shaped(name="expret"), Shaped(name="expert"), "because"])
async def pattern_route(recording: Recording) -> None:
    async with recording.worker():
        await recording.ended(await recording.start("Choosing", "Explain it"))


@scene(script=[Shaped(name="shop")])
async def pattern_route_to_a_server(recording: Recording) -> None:
    async with recording.worker():
        await recording.ended(await recording.start("Choosing", "Sell it"))


@scene(
    script=[
        Shaped(tasks=[{"worker": "wirter", "task": "write"}]),
        Shaped(tasks=[{"worker": "writer", "task": "write"}, {"worker": "counter", "task": "count"}]),
        "words",
        "two",
        Shaped(tasks=[{"worker": "writer", "task": "mend"}]),
        "better words",
        Shaped(tasks=[]),
        "a book",
    ]
)
async def pattern_orchestrate(recording: Recording) -> None:
    async with recording.worker():
        await recording.ended(await recording.start("Planning"))


@scene(script=["bad", Shaped(score=3, advice="rhyme"), "good", Shaped(score=9)])
async def pattern_refine(recording: Recording) -> None:
    async with recording.worker():
        await recording.ended(await recording.start("Refining"))


@scene(script=[Shaped(hand_to="expret", why="hard"), Shaped(hand_to="expert", why="hard"), Shaped(answer="so")])
async def pattern_handoff(recording: Recording) -> None:
    async with recording.worker():
        await recording.ended(await recording.start("Passing"))

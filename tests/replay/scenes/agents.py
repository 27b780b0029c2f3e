"""Agents, their models and their tools."""

from perdure.testing import ToolUse
from perdure.testing.scripted_model import Line
from tests.replay.recording import OPEN, Recording
from tests.replay.scenes.scene import scene
from tests.replay.workflows.agents import Mood

APPROVED_FIRST = {"agents": {"clerk": {"requires_approval": ["price", "add_ten"]}}}
LIMITED = {"limits": {"requests": 1, "wall_time": "1h"}, "llm": {"retry": {"maximum_attempts": 5}}}
BUYING: list[Line] = [ToolUse("price", {"item": "hat"}), "it costs 3"]


@scene(
    script=[
        [ToolUse("now"), ToolUse("price", {"item": "hat"})],
        [ToolUse("add_ten", {"second": 5}), ToolUse("steal", {"item": "hat"}), ToolUse("refuse")],
        "at noon",
        "as I wrote",
    ],
    also_real=True,
)
async def agent_turns(recording: Recording) -> None:
    async with recording.worker():
        await recording.ended(await recording.start("Conversing", ["When?", "Really?"]))


@scene(script=["good", Mood(good=True, why="sun"), "later"])
async def agent_asked_again(recording: Recording) -> None:
    async with recording.worker():
        await recording.ended(await recording.start("Judging", "Good?"))


@scene(script=["good", "very good", Mood(good=True, why="sun")])
async def agent_asked_twice_more(recording: Recording) -> None:
    async with recording.worker():
        await recording.ended(await recording.start("Judging", "Good?"))


@scene(script=["good"] * 3)
async def agent_never_in_shape(recording: Recording) -> None:
    async with recording.worker():
        await recording.ended(await recording.start("Judging", "Good?"))


@scene(script=[ConnectionError("away")] * 3)
async def agent_without_model(recording: Recording) -> None:
    async with recording.worker():
        await recording.ended(await recording.start("Patient"))


@scene(script=["fine"] * 4)
async def agent_long_conversation(recording: Recording) -> None:
    async with recording.worker():
        await recording.ended(await recording.start("Talking", 4))


@scene(script=["once", "twice"], settings=LIMITED)
async def agent_at_its_limit(recording: Recording) -> None:
    async with recording.worker():
        await recording.ended(await recording.start("Conversing", ["When?", "Really?"]))


@scene()
async def tools_together(recording: Recording) -> None:
    async with recording.worker():
        await recording.ended(await recording.start("AtOnce"))


@scene()
async def tools_looked_at(recording: Recording) -> None:
    async with recording.worker():
        await recording.ended(await recording.start("Looking"))


@scene()
async def tool_unknown(recording: Recording) -> None:
    async with recording.worker():
        await recording.ended(await recording.start("Calling", "pirce", {"item": "hat"}))


@scene(script=BUYING, settings=APPROVED_FIRST, also_real=True)
async def tool_approved(recording: Recording) -> None:
    async with recording.worker():
        run = await recording.start("Conversing", ["How much?"])
        [request] = await recording.requested()
        await recording.at_rest(run)
        await recording.keep(run, OPEN)
        await recording.decide(request, comment="go on")
        await recording.ended(run)


@scene(script=BUYING, settings=APPROVED_FIRST)
async def tool_rejected(recording: Recording) -> None:
    async with recording.worker():
        run = await recording.start("Conversing", ["How much?"])
        [request] = await recording.requested()
        await recording.decide(request, answer="reject", comment="too dear")
        await recording.ended(run)


@scene(script=[[ToolUse("add_ten", {"second": 2}), ToolUse("now")], "12"], settings=APPROVED_FIRST)
async def function_approved(recording: Recording) -> None:
    async with recording.worker():
        run = await recording.start("Conversing", ["How many?"])
        [request] = await recording.requested()
        await recording.decide(request)
        await recording.ended(run)


@scene(settings=APPROVED_FIRST)
async def function_rejected_for_a_program(recording: Recording) -> None:
    async with recording.worker():
        run = await recording.start("Calling", "add_ten", {"second": 1})
        [request] = await recording.requested()
        await recording.decide(request, answer="reject")
        await recording.ended(run)


@scene(script=[*[ToolUse("add_ten", {"second": 1})] * 11, "11"], before="perdure-same-calls-are-bounded")
async def agent_in_circles(recording: Recording) -> None:
    async with recording.worker():
        await recording.ended(await recording.start("Conversing", ["How many?"]))

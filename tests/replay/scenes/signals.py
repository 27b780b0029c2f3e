"""Signals that fit, that do not, and that come before the run begins or together with something else."""

import asyncio
from typing import Any

from temporalio import activity
from temporalio.worker import Worker

from tests.replay.recording import OPEN, Recording
from tests.replay.scenes.scene import scene

FITTING: list[tuple[str, list[Any]]] = [
    ("approve", [{"reviewer": "ann", "comments": "shorter"}]),
    ("approve", [{"reviewer": "ann", "answer": {"reviewer": "bob"}}]),
    ("approve", ["ann", "shorter"]),
    ("approve", ["ann"]),
    ("judge", [{"reviewer": "ann", "answer": {"reviewer": "bob", "stars": 3}}]),
    ("answer", [{"reviewer": "ann", "stars": 2}]),
]
UNFIT: list[tuple[str, list[Any]]] = [
    ("answer", []),
    ("answer", [{"foo": 1}]),
    ("answer", ["ann", 3]),
    ("judge", [{"reviewer": "ann"}]),
    ("stop", [{"now": True}]),
    ("unheard-of", [1]),
]


@scene(both_orders=True, also_real=True)
async def signals_that_fit(recording: Recording) -> None:
    run = await recording.start("Collecting", start_signal="approve", start_signal_args=["early"])
    for name, args in FITTING[:2]:  # before the run begins
        await run.signal(name, args=args)
    async with recording.worker():
        for name, args in FITTING[2:]:
            await run.signal(name, args=args)
        await recording.at_rest(run)
        await recording.keep(run, OPEN)
        await run.signal("stop")
        await recording.ended(run)


@scene(before="perdure-unfit-signals-are-told")
async def signals_that_do_not_fit(recording: Recording) -> None:
    run = await recording.start("Collecting", start_signal="answer", start_signal_args=[{}])
    async with recording.worker():
        for name, args in UNFIT:
            await run.signal(name, args=args)
        await recording.at_rest(run)
        await run.signal("stop")
        await recording.ended(run)


@scene(both_orders=True)
async def signals_handled_early(recording: Recording) -> None:
    run = await recording.start("Handling", start_signal="do", start_signal_args=["Ann"])
    await run.signal("do", "Bob")
    async with recording.worker():
        await recording.ended(run)


@scene(before="perdure-handlers-wait-for-the-run")
async def signals_resting_early(recording: Recording) -> None:
    run = await recording.start("Handling", start_signal="rest", start_signal_args=["rested"])
    async with recording.worker():
        await recording.ended(run)


@scene(both_orders=True)
async def cancelling_signal_as_a_step_ends(recording: Recording) -> None:
    requested, ends, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    @activity.defn
    async def elsewhere() -> None:
        requested.set()
        await ends.wait()
        ended.set()

    theirs = f"{recording.name}-elsewhere"
    async with Worker(recording.client, task_queue=theirs, activities=[elsewhere]):
        async with recording.worker():
            run = await recording.start("Regretting", theirs)
            await requested.wait()
            await recording.at_rest(run)
        ends.set()
        await ended.wait()
        await run.signal("cancel")  # nobody is there: it comes with the step's end
        await recording.until(run, "activity_task_completed")
    async with recording.worker():
        await recording.ended(run)

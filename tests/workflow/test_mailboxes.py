"""A program that waits for signals by name gets each of them once, in order, whenever they came."""

import asyncio
from datetime import timedelta
from itertools import groupby
from typing import Any

import pytest
from temporalio import workflow
from temporalio.testing import WorkflowEnvironment

from perdure.flow import renew_when_long
from perdure.flow.mcp_agent import workflow as program
from perdure.testing import WorkflowRunner
from tests.support.scripted_worker import open_scripted_worker


@workflow.defn
class Reading:
    """Waits for pages, with time between two waits."""

    @workflow.run
    async def run(self, pages: int) -> list[Any]:
        read = []
        for _ in range(pages):
            read.append(await program.signal_wait("page"))
            await workflow.sleep(timedelta(minutes=1))
        return read


@workflow.defn
class ReadingInParts:
    """Continues as new after each page, and takes what else came at the end."""

    @workflow.run
    async def run(self, read: list[Any], pages: int) -> list[Any]:
        if len(read) == pages:
            return [*read, await program.signal_wait("cover")]
        read = [*read, await program.signal_wait("page")]
        await renew_when_long(read, pages, longest=1)
        return read


@workflow.defn
class ReadingTogether:
    """Waits twice at the same time."""

    @workflow.run
    async def run(self) -> list[Any]:
        return sorted(await asyncio.gather(program.signal_wait("page"), program.signal_wait("page")))


@workflow.defn
class Deciding:
    """Ends with the signal ``approve``, as a handler or as a wait."""

    def __init__(self) -> None:
        self._approved = False

    @workflow.run
    async def run(self) -> str:
        await workflow.wait_condition(lambda: self._approved)
        return "approved"

    @workflow.signal
    def approve(self) -> None:
        self._approved = True


@pytest.mark.asyncio(loop_scope="session")
async def test_signals_before_between_and_after_the_waits_are_taken_in_their_order(
    environment: WorkflowEnvironment,
) -> None:
    async with open_scripted_worker(environment, Reading) as worker:
        run = await worker.start("Reading", 4)
        await run.signal("page", "one")
        await run.signal("page", "two")
        await worker.environment.sleep(timedelta(seconds=30))
        await run.signal("page", "three")
        await worker.environment.sleep(timedelta(minutes=10))
        await run.signal("page")
        async with asyncio.timeout(60):
            result = await run.result()

    assert result == ["one", "two", "three", None]


async def test_two_waits_at_the_same_time_take_a_signal_each(run_workflow: WorkflowRunner) -> None:
    async with run_workflow.start(ReadingTogether) as run:
        await run.signal("page", "one")
        await run.signal("page", "two")
        outcome = await run.outcome()

    assert outcome.result == ["one", "two"]


@pytest.mark.asyncio(loop_scope="session")
async def test_signals_that_nobody_took_yet_are_carried_to_the_run_that_continues(
    environment: WorkflowEnvironment,
) -> None:
    async with open_scripted_worker(environment, ReadingInParts) as worker:
        run = await environment.client.start_workflow(
            "ReadingInParts",
            args=[[], 3],
            id="parts",
            task_queue=worker.queue,
            start_signal="page",
            start_signal_args=[1],
        )
        for name, value in (("page", {"number": 2}), ("cover", "hard"), ("page", "three")):
            await run.signal(name, value)
        async with asyncio.timeout(60):
            result = await run.result()

    runs = [run for run, _ in groupby(worker.progress, key=lambda fact: fact.run_id)]
    assert result == [1, {"number": 2}, "three", "hard"]
    assert len(runs) == 4


@pytest.mark.asyncio(loop_scope="session")
async def test_one_large_signal_is_carried_beside_small_ones(environment: WorkflowEnvironment) -> None:
    async with open_scripted_worker(environment, ReadingInParts) as worker:
        run = await environment.client.start_workflow(
            "ReadingInParts", args=[[], 2], id="large", task_queue=worker.queue, start_signal="rumour"
        )
        for name, value in (("rumour", "x" * 400_000), ("page", 1), ("cover", "hard"), ("page", 2)):
            await run.signal(name, value)
        async with asyncio.timeout(60):
            result = await run.result()

    assert result == [1, 2, "hard"]
    assert not [fact for fact in worker.progress if fact.kind == "note" and "dropped" in str(fact.result)]


@pytest.mark.asyncio(loop_scope="session")
async def test_signals_that_nothing_takes_are_carried_within_a_bound_and_those_beyond_are_noted(
    environment: WorkflowEnvironment,
) -> None:
    async with open_scripted_worker(environment, ReadingInParts) as worker:
        run = await environment.client.start_workflow(
            "ReadingInParts", args=[[], 2], id="crowded", task_queue=worker.queue, start_signal="rumour"
        )
        for number in range(8):
            await run.signal("rumour", f"{number}" * 100_000)
        for name, value in (("page", 1), ("cover", "hard"), ("page", 2)):
            await run.signal(name, value)
        async with asyncio.timeout(60):
            result = await run.result()

    notes = [str(fact.result) for fact in worker.progress if fact.kind == "note" and "dropped" in str(fact.result)]
    assert result == [1, 2, "hard"]
    assert notes == ["Signals that nothing took were dropped, since there were too many: rumour"]


async def test_a_misspelt_signal_is_a_note_that_names_the_nearest_one(run_workflow: WorkflowRunner) -> None:
    async with run_workflow.start(Deciding) as run:
        await run.signal("aprove", "Ann")
        await run.signal("aprove", "Bob")
        await run.wait_for("note")
        await run.signal("approve")
        outcome = await run.outcome()

    assert outcome.notes == ["Nothing takes the signal aprove yet: did you mean approve?"]
    assert [fact.sequence for fact in outcome.progress] == [1, 2, 3]


async def test_a_signal_that_nothing_takes_is_noted_with_the_names_that_something_takes(
    run_workflow: WorkflowRunner,
) -> None:
    async with run_workflow.start(Reading, 1) as run:
        await run.wait_for("started")
        await run.signal("stop")
        await run.wait_for("note")
        await run.signal("page", "one")
        outcome = await run.outcome()

    assert outcome.notes == ["Nothing takes the signal stop yet; there are: page"]

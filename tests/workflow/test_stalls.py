"""A test of a workflow never hangs: it says what the run waits for, and fails at once where waiting is hopeless."""

import asyncio
import os
from datetime import timedelta
from typing import Any

import pytest
from temporalio import activity, workflow

from perdure.flow import Agent, approval
from perdure.testing import ScriptedModel, ToolUse, WorkflowRunner

SOON = timedelta(seconds=10)
STEP = timedelta(seconds=10)


@activity.defn
async def shout(words: str) -> str:
    return words.upper()


@activity.defn
async def stumble(names: dict[str, str]) -> str:
    return names["name"]


@workflow.defn
class Shouting:
    @workflow.run
    async def run(self, words: str) -> str:
        return await workflow.execute_activity(shout, words, start_to_close_timeout=STEP)


@workflow.defn
class Misspelling:
    @workflow.run
    async def run(self) -> None:
        await workflow.execute_activity("shuot", "x", start_to_close_timeout=STEP)


@workflow.defn
class Stumbling:
    @workflow.run
    async def run(self) -> None:
        await workflow.execute_activity(stumble, {}, start_to_close_timeout=STEP)


@workflow.defn
class StumblingLocally:
    @workflow.run
    async def run(self) -> None:
        await workflow.execute_local_activity(stumble, {}, start_to_close_timeout=STEP)


@workflow.defn
class Elsewhere:
    @workflow.run
    async def run(self) -> None:
        await workflow.execute_activity(shout, "x", task_queue="orders", start_to_close_timeout=STEP)


@workflow.defn
class Sleeping:
    @workflow.run
    async def run(self) -> None:
        await asyncio.sleep(3600)


@workflow.defn
class Polling:
    @workflow.run
    async def run(self) -> None:
        while True:
            await asyncio.sleep(60)


@workflow.defn
class Wavering:
    @workflow.run
    async def run(self) -> None:
        for _ in range(100):  # that it does the same each time has a chance of one in 2^100
            if os.urandom(1)[0] % 2:
                await asyncio.sleep(1)
            else:
                await workflow.execute_activity(shout, "x", start_to_close_timeout=STEP)


@workflow.defn
class Deciding:
    @workflow.run
    async def run(self) -> str:
        return (await approval("Ship it?")).outcome


@workflow.defn
class Parent:
    @workflow.run
    async def run(self) -> str:
        return await workflow.execute_child_workflow(Deciding.run, id=f"{workflow.info().workflow_id}-child")


@workflow.defn
class Orphaned:
    @workflow.run
    async def run(self) -> None:
        await workflow.execute_child_workflow("Decidng", id="never")


@workflow.defn
class Asking:
    @workflow.run
    async def run(self, question: str) -> str:
        async with Agent("clerk") as clerk:
            return await clerk.llm.generate_str(question)


async def test_the_activities_and_child_workflows_of_the_module_are_registered(run_workflow: WorkflowRunner) -> None:
    assert (await run_workflow(Shouting, "hi")).result == "HI"
    assert (await run_workflow(Parent, answers={"Ship it?": "approve"})).result == "approved"


async def test_an_activity_of_the_test_replaces_the_modules_of_its_name(run_workflow: WorkflowRunner) -> None:
    @activity.defn(name="shout")
    async def whisper(words: str) -> str:
        return words.lower()

    assert (await run_workflow(Shouting, "Hi", activities=[whisper])).result == "hi"


@pytest.mark.parametrize(
    ("started", "sentence"),
    [
        (Misspelling, r"No activity is called shuot: did you mean shout\? Import it .*activities=\[\.\.\.\]"),
        (Orphaned, r"No workflow is called Decidng: did you mean Deciding\? .*children=\[\.\.\.\]"),
        (Deciding, r'waits for:\n  - the approval request "Ship it\?": decide it by answers='),
        (Parent, r'its child run \S+-child, which waits for the approval request "Ship it\?"'),
        (Stumbling, r"the activity stumble, which fails each time \(\d+ attempts\): KeyError: 'name' \(\S+py:25\)"),
        (Wavering, r"A workflow task of \S+ fails each time: .*Nondeterminism error"),
        (Elsewhere, r"the activity shout on the task queue orders, which no worker of this test serves"),
        (Polling, r"a condition that does not become true; \d+ timers have fired meanwhile"),
        (StumblingLocally, r"the step stumble, attempt \d+: KeyError: 'name' \(\S+py:25\)"),
    ],
)
async def test_a_run_that_cannot_end_fails_its_test_with_what_it_waits_for(
    run_workflow: WorkflowRunner, started: type, sentence: str
) -> None:
    with pytest.raises(AssertionError, match=sentence):
        await run_workflow(started, stalled_after=SOON)


async def test_a_timer_is_not_skipped_while_the_test_waits_for_a_fact(run_workflow: WorkflowRunner) -> None:
    async with run_workflow.start(Sleeping, stalled_after=SOON) as run:
        with pytest.raises(AssertionError, match=r"a timer of 1:00:00, which only `run.sleep\(...\)` and"):
            await run.wait_for("completed")


async def test_a_fact_that_never_came_is_missed_as_soon_as_the_run_has_ended(run_workflow: WorkflowRunner) -> None:
    async with run_workflow.start(Shouting, "hi") as run:
        with pytest.raises(AssertionError, match="The run completed without the fact note"):
            await run.wait_for("note")
        with pytest.raises(AssertionError, match="No fact is of the kind notes: did you mean note"):
            await run.wait_for("notes")


async def test_input_that_does_not_fit_fails_the_test_with_the_reason(run_workflow: WorkflowRunner) -> None:
    with pytest.raises(AssertionError, match="The run failed before its code began: Failed decoding arguments"):
        await run_workflow(Shouting, {"not": "text"})


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        ([], "The script of the model has no reply left \\(0 used\\) for the prompt: How much"),
        ([ToolUse("price")], r"The script calls the tool price, which the agent does not offer; there are: none\."),
        (lambda prompt: {}[prompt], r"The script of the model raised KeyError: 'How much\?' at \S+test_stalls\.py:\d+"),
    ],
)
async def test_a_script_that_does_not_fit_fails_the_test_at_once(
    run_workflow: WorkflowRunner, script: Any, sentence: str
) -> None:
    with pytest.raises(AssertionError, match=sentence):
        await run_workflow(Asking, "How much?", model=ScriptedModel(script))

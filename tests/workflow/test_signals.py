"""A signal comes over the bus with one JSON value: its handler gets what it takes, and what does not fit is told."""

import asyncio
from typing import Any

import pytest
from pydantic import BaseModel
from temporalio import workflow
from temporalio.testing import WorkflowEnvironment

from perdure.testing import WorkflowRunner
from tests.support.scripted_worker import open_scripted_worker


class Answer(BaseModel):
    reviewer: str
    stars: int = 0


@workflow.defn
class Waiting:
    """Ends by the first signal that fits."""

    def __init__(self) -> None:
        self._said: list[Any] = []

    @workflow.run
    async def run(self) -> list[Any]:
        await workflow.wait_condition(lambda: bool(self._said))
        return self._said

    @workflow.signal
    def approve(self, reviewer: str, comments: str = "none", answer: Answer | None = None) -> None:
        self._said = [reviewer, comments, answer]

    @workflow.signal
    async def judge(self, reviewer: str, answer: Answer) -> None:
        self._said = [reviewer, answer.stars]

    @workflow.signal
    def answer(self, answer: Answer) -> None:
        self._said = [answer.reviewer, answer.stars]

    @workflow.signal
    def tell(self, words: dict[str, str]) -> None:
        self._said = [words]

    @workflow.signal
    def stop(self) -> None:
        self._said = ["stopped"]


@workflow.defn
class Ending:
    """Has ended before anybody could say anything."""

    @workflow.run
    async def run(self) -> str:
        return "ended"

    @workflow.signal
    def answer(self, answer: Answer) -> None: ...


@pytest.mark.parametrize(
    ("name", "args", "heard"),
    [
        ("approve", [{"reviewer": "ann", "comments": "shorter"}], ["ann", "shorter", None]),
        (
            "approve",
            [{"reviewer": "ann", "answer": {"reviewer": "bob"}}],
            ["ann", "none", {"reviewer": "bob", "stars": 0}],
        ),
        ("approve", ["ann", "shorter"], ["ann", "shorter", None]),
        ("approve", ["ann"], ["ann", "none", None]),
        ("judge", [{"reviewer": "ann", "answer": {"reviewer": "bob", "stars": 3}}], ["ann", 3]),
        ("answer", [{"reviewer": "ann", "stars": 2}], ["ann", 2]),
        ("tell", [{"words": "hi"}], [{"words": "hi"}]),
        ("stop", [], ["stopped"]),
    ],
)
async def test_a_signal_fills_its_handlers_parameters(
    run_workflow: WorkflowRunner, name: str, args: list[Any], heard: list[Any]
) -> None:
    async with run_workflow.start(Waiting) as run:
        await run.signal(name, *args)
        outcome = await run.outcome()

    assert outcome.result == heard


@pytest.mark.parametrize(
    ("name", "args", "why"),
    [
        ("answer", [], "missing a required argument: 'answer'"),
        ("answer", [{"foo": 1}], "reviewer"),
        ("answer", ["ann", 3], "too many positional arguments"),
        ("approve", [{"foo": 1}], "Input should be a valid string"),
        ("judge", [{"reviewer": "ann"}], "missing a required argument: 'answer'"),
        ("judge", [{"reviewer": "ann", "answer": {}}], "reviewer"),
        ("stop", [{"now": True}], "too many positional arguments"),
    ],
)
async def test_a_signal_that_does_not_fit_is_told_and_the_run_goes_on(
    run_workflow: WorkflowRunner, name: str, args: list[Any], why: str
) -> None:
    async with run_workflow.start(Waiting) as run:
        await run.signal(name, *args)
        async with asyncio.timeout(20):
            note = await run.until("note")
        await run.signal("stop")
        outcome = await run.outcome()

    assert str(note.result).startswith(f"The signal {name} does not fit")
    assert why in str(note.result)
    assert outcome.result == ["stopped"]
    assert [fact.sequence for fact in outcome.progress] == [1, 2, 3]


@pytest.mark.asyncio(loop_scope="session")
async def test_a_run_that_ends_at_once_tells_it_before_its_end(environment: WorkflowEnvironment) -> None:
    async with open_scripted_worker(environment, Ending) as stage:
        await environment.client.execute_workflow(
            "Ending", id="ending", task_queue=stage.queue, start_signal="answer", start_signal_args=[{}]
        )

    assert [kind for _, kind, _ in stage.story] == ["started", "note", "completed"]

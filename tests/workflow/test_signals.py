"""A signal's JSON value fills the parameters of its handler; a value that does not fit becomes a note."""

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
    """Ends with the first signal that fits."""

    def __init__(self) -> None:
        self._received: list[Any] = []

    @workflow.run
    async def run(self) -> list[Any]:
        await workflow.wait_condition(lambda: bool(self._received))
        return self._received

    @workflow.signal
    def approve(self, reviewer: str, comments: str = "none", answer: Answer | None = None) -> None:
        self._received = [reviewer, comments, answer]

    @workflow.signal
    async def judge(self, reviewer: str, answer: Answer) -> None:
        self._received = [reviewer, answer.stars]

    @workflow.signal
    def answer(self, answer: Answer) -> None:
        self._received = [answer.reviewer, answer.stars]

    @workflow.signal
    def describe(self, words: dict[str, str]) -> None:
        self._received = [words]

    @workflow.signal
    def stop(self) -> None:
        self._received = ["stopped"]


@workflow.defn
class Ending:
    """Ends at once."""

    @workflow.run
    async def run(self) -> str:
        return "ended"

    @workflow.signal
    def answer(self, answer: Answer) -> None: ...


@pytest.mark.parametrize(
    ("name", "args", "received"),
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
        ("describe", [{"words": "hi"}], [{"words": "hi"}]),
        ("stop", [], ["stopped"]),
    ],
)
async def test_a_signal_fills_its_handlers_parameters(
    run_workflow: WorkflowRunner, name: str, args: list[Any], received: list[Any]
) -> None:
    async with run_workflow.start(Waiting) as run:
        await run.signal(name, *args)
        outcome = await run.outcome()

    assert outcome.result == received


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
async def test_a_signal_that_does_not_fit_becomes_a_note_and_the_run_continues(
    run_workflow: WorkflowRunner, name: str, args: list[Any], why: str
) -> None:
    async with run_workflow.start(Waiting) as run:
        await run.signal(name, *args)
        async with asyncio.timeout(20):
            note = await run.wait_for("note")
        await run.signal("stop")
        outcome = await run.outcome()

    assert str(note.result).startswith(f"The signal {name} does not fit")
    assert why in str(note.result)
    assert outcome.result == ["stopped"]
    assert [fact.sequence for fact in outcome.progress] == [1, 2, 3]


@pytest.mark.asyncio(loop_scope="session")
async def test_a_run_that_ends_at_once_publishes_the_note_before_its_end(environment: WorkflowEnvironment) -> None:
    async with open_scripted_worker(environment, Ending) as worker:
        await environment.client.execute_workflow(
            "Ending", id="ending", task_queue=worker.queue, start_signal="answer", start_signal_args=[{}]
        )

    assert [kind for _, kind, _ in worker.timeline] == ["started", "note", "completed"]

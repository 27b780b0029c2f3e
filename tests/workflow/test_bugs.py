"""A bug in workflow code leaves its run waiting under an alert; what is raised to end a run ends it at once."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from temporalio import activity, workflow
from temporalio.client import WorkflowExecutionStatus, WorkflowFailureError
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment

from perdure.bus import decode
from perdure.contracts import Alert
from perdure.flow import Agent, Saga, WorkflowResult
from perdure.flow.messages import ModelResult
from perdure.flow.patterns import Failure, orchestrate, parallel
from tests.support.scripted_worker import ScriptedWorker, open_scripted_worker

pytestmark = pytest.mark.asyncio(loop_scope="session")

WAITING = {"temporal": {"on_bug": "wait"}}

bugs = set[str]()
"""What is wrong with the code below; a deploy mends it."""

books: list[str] = []

reached = set[str]()
"""How far a run has come. A signal that is stored before a run's first task is handled before its code begins."""


@pytest.fixture(autouse=True)
def broken() -> Iterator[None]:
    bugs.clear()
    books.clear()
    reached.clear()
    yield
    bugs.clear()


class Declined(Exception):
    """What the author raises to end a run."""


@activity.defn
async def reserve() -> None:
    books.append("reserve")


@activity.defn
async def release() -> None:
    books.append("release")


def stumble(where: str) -> None:
    if where in bugs:
        raise KeyError(where)


@workflow.defn(failure_exception_types=[Declined])
class Ordering:
    """Reserves in a saga, and waits for a signal."""

    def __init__(self) -> None:
        self._goes = False

    @workflow.run
    async def run(self, how: str) -> Any:
        async with Saga() as saga:
            await saga.run(reserve, undo=release)
            await saga.run(self._nothing, undo=self._undo)
            stumble("before")
            reached.add("wait")
            await workflow.wait_condition(lambda: self._goes)
            stumble("run")
            match how:
                case "declines":
                    raise Declined("no")
                case "refuses" | "undoes":
                    raise ApplicationError("no", non_retryable=True)
                case "groups":
                    async with asyncio.TaskGroup() as group:
                        group.create_task(self._refuse())
                case "returns an error":
                    return WorkflowResult[str](error="no")
        return "done"

    async def _nothing(self) -> None: ...

    async def _refuse(self) -> None:
        raise ApplicationError("no", non_retryable=True)

    async def _undo(self) -> None:
        stumble("undo")

    @workflow.signal
    def look(self) -> None:
        stumble("early signal")
        reached.add("early signal")

    @workflow.signal
    def go(self) -> None:
        stumble("signal")
        self._goes = True


class Stumbler:
    """Works in an agent's place, and stumbles as it has reserved."""

    @property
    def llm(self) -> "Stumbler":
        return self

    async def generate_str(self, prompt: str) -> str:
        await workflow.execute_activity(reserve, start_to_close_timeout=timedelta(minutes=1))
        stumble("part")
        if prompt == "decline":
            raise Declined("no")
        await workflow.execute_activity(release, start_to_close_timeout=timedelta(minutes=1))
        return prompt


class Steady(Stumbler):
    """Goes on while others stumble."""

    async def generate_str(self, prompt: str) -> str:
        for _ in range(3):
            await workflow.sleep(1)
            await workflow.execute_activity(reserve, start_to_close_timeout=timedelta(minutes=1))
        return prompt


@workflow.defn(failure_exception_types=[Declined])
class Siding:
    """Lets two work at the same time."""

    @workflow.run
    async def run(self, how: str, task: str) -> dict[str, str]:
        workers: dict[str, Any] = {"steady": ("goes on", Steady()), "other": ("may stumble", Stumbler())}
        if how == "orchestrate":
            return {"all": await orchestrate(Agent("planner"), workers, "both")}
        parts = {name: worker.llm.generate_str(task) for name, (_, worker) in workers.items()}
        if how == "tasks":
            parts = {name: asyncio.create_task(part) for name, part in parts.items()}
        found = await parallel(parts, at_once=1 if how == "in turn" else 2)
        return {name: f"failed: {it.error}" if isinstance(it, Failure) else it for name, it in found.items()}


def planned(*tasks: tuple[str, str]) -> ModelResult:
    plan = [{"worker": worker, "task": task} for worker, task in tasks]
    return ModelResult(messages=({},), output={"tasks": plan}, model="m")


@pytest.mark.parametrize("how", ["coroutines", "tasks", "in turn", "orchestrate"])
async def test_a_bug_in_one_of_several_parts_waits_for_mended_code_and_is_no_failure_among_results(
    environment: WorkflowEnvironment, how: str
) -> None:
    bugs.add("part")
    async with (
        open_scripted_worker(
            environment, Siding, activities=[reserve, release], settings=WAITING, cached_runs=10
        ) as worker,
        asyncio.timeout(60),
    ):
        worker.agents.model_results += [planned(("other", "go"), ("steady", "go")), planned()]
        run = await worker.start("Siding", how, "go", task_timeout=timedelta(seconds=2))
        alert = await first_alert(worker)
        before = list(books)
        bugs.clear()
        result = await run.result()

    assert "KeyError: 'part' (tests/workflow/test_bugs.py:" in str(alert.details)
    assert "release" not in before
    assert result == ({"all": "words"} if how == "orchestrate" else {"steady": "go", "other": "go"})
    assert (books.count("reserve"), books.count("release")) == (4, 1)


async def test_what_the_author_raises_in_one_of_several_parts_is_a_failure_among_results(
    environment: WorkflowEnvironment,
) -> None:
    async with open_scripted_worker(
        environment, Siding, activities=[reserve, release], settings=WAITING, cached_runs=10
    ) as worker:
        result = await (await worker.start("Siding", "coroutines", "decline")).result()

    assert result == {"steady": "decline", "other": "failed: Declined: no"}


@pytest.mark.parametrize(("bug", "how"), [("run", "completes"), ("signal", "completes"), ("undo", "undoes")])
async def test_a_run_waits_for_mended_code_and_then_goes_on_as_if_nothing_had_been(
    environment: WorkflowEnvironment, bug: str, how: str
) -> None:
    bugs.add(bug)
    async with (
        open_scripted_worker(
            environment, Ordering, activities=[reserve, release], settings=WAITING, cached_runs=10
        ) as worker,
        asyncio.timeout(60),
    ):
        run = await worker.start("Ordering", how, task_timeout=timedelta(seconds=2))
        await until_reached("wait")
        await run.signal("go")
        alert = await first_alert(worker)
        before = list(books), [fact.kind for fact in worker.progress]
        bugs.clear()
        ending = await worker.ending(run.id)

    assert f"KeyError: '{bug}' (tests/workflow/test_bugs.py:" in str(alert.details)
    assert "waits for mended code" in alert.title
    assert before[0] == ["reserve"]
    assert "failed" not in before[1]
    assert ending.kind == ("completed" if how == "completes" else "failed")
    assert books == (["reserve"] if how == "completes" else ["reserve", "release"])


@pytest.mark.parametrize("bug", ["before", "early signal"])
async def test_a_bug_in_what_was_executed_long_ago_schedules_nothing_either(
    environment: WorkflowEnvironment, bug: str
) -> None:
    async with (
        open_scripted_worker(
            environment, Ordering, activities=[reserve, release], settings=WAITING, cached_runs=0
        ) as worker,
        asyncio.timeout(60),
    ):
        run = await worker.start("Ordering", "completes", task_timeout=timedelta(seconds=2))
        await until_reached("wait")
        await run.signal("look")
        await until_reached("early signal")
        bugs.add(bug)
        await run.signal("go")
        await asyncio.sleep(3)  # some failed tasks
        open_still = (await run.describe()).status, list(books)
        bugs.clear()
        ending = await worker.ending(run.id)

    assert open_still == (WorkflowExecutionStatus.RUNNING, ["reserve"])
    assert (ending.kind, books) == ("completed", ["reserve"])


async def test_a_group_of_errors_that_are_raised_on_purpose_is_no_bug(environment: WorkflowEnvironment) -> None:
    async with (
        open_scripted_worker(
            environment, Ordering, activities=[reserve, release], settings=WAITING, cached_runs=10
        ) as worker,
        asyncio.timeout(60),
    ):
        run = await worker.start("Ordering", "groups")
        await run.signal("go")
        with pytest.raises(WorkflowFailureError):
            await run.result()

    assert books == ["reserve", "release"]


@pytest.mark.parametrize("how", ["declines", "refuses", "returns an error"])
async def test_what_the_author_raises_ends_the_run_at_once(environment: WorkflowEnvironment, how: str) -> None:
    async with (
        open_scripted_worker(
            environment, Ordering, activities=[reserve, release], settings=WAITING, cached_runs=10
        ) as worker,
        asyncio.timeout(60),
    ):
        run = await worker.start("Ordering", how)
        await run.signal("go")
        with pytest.raises(WorkflowFailureError):
            await run.result()
        ending = await worker.ending(run.id)

    assert (ending.kind, "no" in str(ending.error)) == ("failed", True)
    assert books == (["reserve"] if how == "returns an error" else ["reserve", "release"])


async def until_reached(place: str) -> None:
    while place not in reached:
        await asyncio.sleep(0.05)


async def first_alert(worker: ScriptedWorker) -> Alert:
    async for message in worker.bus.subscribe("alerts.>", replay=True):
        alert = decode(message.raw)
        assert isinstance(alert, Alert)
        return alert
    raise AssertionError

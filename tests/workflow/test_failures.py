"""A run that fails names the author's line and the causes: in its facts, in its history, and in the log."""

import asyncio
import logging
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio import activity, workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment

from perdure.bus import RawMessage
from perdure.contracts.runs import RunDescription, RunQuery
from perdure.testing import WorkflowRunner, open_runner
from perdure_orchestrator.description import describe
from tests.support.scripted_worker import open_scripted_worker

HERE = "tests/workflow/test_failures.py"
KEY = "sk-1234567890-abcdefghij-klmnopqrst"
ONCE = RetryPolicy(maximum_attempts=1)


@activity.defn
async def read(names: dict[str, str]) -> str:
    return names["name"]


class CardDeclined(Exception):
    """Raised by a library, as it were."""


class OrderFailed(Exception):
    """What the author makes of it."""


class Unreadable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


def charge() -> None:
    raise CardDeclined("card declined")


async def charge_later() -> None:
    charge()


@activity.defn
async def pay(what: str) -> None:
    match what:
        case "declined":
            try:
                charge()
            except CardDeclined as error:
                raise OrderFailed("not paid") from error
        case "group":
            async with asyncio.TaskGroup() as group:
                group.create_task(charge_later())
                group.create_task(charge_later())
        case "long":
            raise ValueError("x" * 3_000_000)
        case "unreadable":
            raise Unreadable
        case "surrogate":
            raise ValueError("a file called \udcff")
        case "deep":
            raise deep()
        case "key":
            raise ValueError(f"{'x' * 980}refused: {KEY}")
        case "key in details":
            raise ApplicationError("refused: ***", {"header": [f"Bearer {KEY}"]}, type=CardDeclined)  # type: ignore[arg-type]
        case _:
            raise ValueError


def deep() -> Exception:
    error: Exception = ValueError("the first of them")
    for number in range(300):
        wrapped = RuntimeError(f"attempt {number}")
        wrapped.__cause__ = error
        error = wrapped
    return error


@workflow.defn
class Paying:
    @workflow.run
    async def run(self, what: str) -> None:
        await workflow.execute_activity(pay, what, start_to_close_timeout=timedelta(hours=1), retry_policy=ONCE)


@workflow.defn
class PayingLater:
    @workflow.run
    async def run(self) -> None:
        again = RetryPolicy(initial_interval=timedelta(hours=1))
        await workflow.execute_activity(pay, "declined", start_to_close_timeout=timedelta(hours=1), retry_policy=again)


@activity.defn
async def pay_once() -> None:
    charge()


@workflow.defn
class PayingTwice:
    @workflow.run
    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(2):
                group.create_task(
                    workflow.execute_activity(pay_once, start_to_close_timeout=timedelta(hours=1), retry_policy=ONCE)
                )


@workflow.defn
class Reading:
    @workflow.run
    async def run(self, names: dict[str, str]) -> str:
        return names["name"]


@workflow.defn
class ReadingInAStep:
    @workflow.run
    async def run(self, names: dict[str, str]) -> str:
        return await workflow.execute_activity(
            read, names, start_to_close_timeout=timedelta(seconds=10), retry_policy=ONCE
        )


@workflow.defn
class Refusing:
    @workflow.run
    async def run(self) -> None:
        raise ApplicationError("The shop is closed.", non_retryable=True)


def line_of(text: str) -> int:
    """Return the first line of this file that has a text."""
    lines = Path(__file__).read_text(encoding="utf-8").splitlines()
    return next(number for number, line in enumerate(lines, start=1) if text in line)


@pytest.mark.parametrize("sandbox", [True, False], ids=["sandboxed", "plain"])
async def test_a_bug_in_a_workflow_is_named_with_its_line(caplog: pytest.LogCaptureFixture, *, sandbox: bool) -> None:
    async with open_runner({"temporal": {"sandbox": sandbox}}) as run_workflow:
        outcome = await run_workflow(Reading, {})

    assert outcome.error == f"KeyError: 'name' ({HERE}:{line_of('class Reading') + 3})"
    (logged,) = [record for record in caplog.records if record.name.startswith("perdure_orchestrator")]
    assert logged.levelno == logging.ERROR
    assert (
        logged.getMessage()
        == f"the run {outcome.workflow_id} of Reading failed: KeyError: 'name' ({HERE}:{line_of('class Reading') + 3})"
    )
    assert f'{HERE}", line {line_of("class Reading") + 3}, in run' in caplog.text


async def test_a_bug_in_a_step_is_named_with_its_line(run_workflow: WorkflowRunner) -> None:
    outcome = await run_workflow(ReadingInAStep, {})

    assert outcome.error == f"KeyError: 'name' ({HERE}:{line_of('return names')})"
    (failed,) = [fact.error for fact in outcome.progress if fact.kind == "step_failed"]
    assert failed == outcome.error


async def test_an_error_that_the_author_raises_on_purpose_keeps_its_text_and_has_its_line(
    run_workflow: WorkflowRunner,
) -> None:
    outcome = await run_workflow(Refusing)

    assert outcome.error == f"The shop is closed. ({HERE}:{line_of('The shop is closed')})"


async def test_a_failed_step_names_its_line_and_its_causes_in_facts_and_log(
    run_workflow: WorkflowRunner, caplog: pytest.LogCaptureFixture
) -> None:
    outcome = await run_workflow(Paying, "declined")

    text = (
        f"not paid ({HERE}:{line_of('raise OrderFailed')}), "
        f"because of CardDeclined: card declined ({HERE}:{line_of('raise CardDeclined')})"
    )
    (failed,) = [fact.error for fact in outcome.progress if fact.kind == "step_failed"]
    assert failed == f"OrderFailed: {text}"
    assert outcome.error == text.replace("CardDeclined: ", "")
    assert f"the step pay of the run {outcome.workflow_id} failed, attempt 1: OrderFailed: {text}" in caplog.text
    assert "Completing activity as failed" not in caplog.text


@pytest.mark.parametrize("place", ["step", "run"])
async def test_each_error_of_a_group_is_named(run_workflow: WorkflowRunner, place: str) -> None:
    outcome = await run_workflow(Paying, "group") if place == "step" else await run_workflow(PayingTwice)

    line = line_of("raise CardDeclined")
    kind = "CardDeclined: " if place == "step" else ""
    assert str(outcome.error).startswith(f"{kind}card declined ({HERE}:{line}); {kind}card declined ({HERE}:{line})")


@pytest.mark.parametrize("what", ["", "long", "unreadable", "surrogate", "deep"])
async def test_an_error_with_any_text_is_named_at_once_and_bounded(run_workflow: WorkflowRunner, what: str) -> None:
    outcome = await run_workflow(Paying, what)

    kinds = {"unreadable": "Unreadable", "deep": "RuntimeError"}
    (failed,) = [fact.error or "" for fact in outcome.progress if fact.kind == "step_failed"]
    assert failed.startswith(kinds.get(what, "ValueError"))
    assert f"({HERE}:" in failed
    assert f"({HERE}:" in str(outcome.error)
    assert max(len(failed), len(str(outcome.error))) < 3_000


@pytest.mark.parametrize("what", ["key", "key in details"])
async def test_keys_of_the_worker_are_in_no_fact_no_log_and_no_history(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, what: str
) -> None:
    monkeypatch.setenv("SHOP_TOKEN", KEY)
    server = {"url": "https://shop.invalid/mcp", "token_variable": "SHOP_TOKEN"}
    settings = {"temporal": {"sandbox": False}, "mcp": {"servers": {"shop": server}}}
    async with open_runner(settings) as run_workflow, run_workflow.start(Paying, what) as run:
        outcome = await run.outcome()
        history = str((await run.history()).events)  # payloads are readable there

    assert "refused: ***" in str(outcome.error)
    assert KEY[:20] not in "".join([history, caplog.text, *(message.model_dump_json() for message in outcome.messages)])


async def last_failures(environment: WorkflowEnvironment, query: RawMessage) -> list[str]:
    found = RunDescription.model_validate_json(await describe(environment.client, query))
    return [step.last_failure for step in found.pending if step.last_failure is not None]


@pytest.mark.asyncio(loop_scope="session")
async def test_a_step_that_is_tried_again_is_described_with_its_line(environment: WorkflowEnvironment) -> None:
    async with open_scripted_worker(environment, PayingLater, activities=[pay]) as worker:
        run = await worker.start("PayingLater")
        query = RawMessage("queries.runs.describe", RunQuery(workflow_id=run.id).model_dump_json().encode(), {})
        async with asyncio.timeout(20):
            while not (failures := await last_failures(environment, query)):
                await asyncio.sleep(0.01)

    assert failures[0].startswith(f"not paid ({HERE}:{line_of('raise OrderFailed')})")

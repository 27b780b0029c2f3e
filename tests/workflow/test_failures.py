"""A run that fails by a bug names the author's line: in its last fact, and in the log with the traceback."""

import logging
from datetime import timedelta

import pytest
from temporalio import activity, workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError

from perdure.testing import WorkflowRunner, open_runner

HERE = "tests/workflow/test_failures.py"
ONCE = RetryPolicy(maximum_attempts=1)


@activity.defn
async def read(names: dict[str, str]) -> str:
    return names["name"]


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


@pytest.mark.parametrize("sandbox", [True, False], ids=["sandboxed", "plain"])
async def test_a_bug_in_a_workflow_is_named_with_its_line(caplog: pytest.LogCaptureFixture, *, sandbox: bool) -> None:
    async with open_runner({"temporal": {"sandbox": sandbox}}) as run_workflow:
        outcome = await run_workflow(Reading, {})

    assert outcome.error == f"KeyError: 'name' ({HERE}:26)"
    (logged,) = [record for record in caplog.records if record.name.startswith("perdure_orchestrator")]
    assert logged.levelno == logging.ERROR
    assert logged.getMessage() == f"the run {outcome.workflow_id} of Reading failed: KeyError: 'name' ({HERE}:26)"
    assert f'{HERE}", line 26, in run' in caplog.text


async def test_a_bug_in_a_step_is_named_with_its_line(run_workflow: WorkflowRunner) -> None:
    outcome = await run_workflow(ReadingInAStep, {})

    assert outcome.error == f"KeyError: 'name' ({HERE}:19)"
    (failed,) = [fact.error for fact in outcome.progress if fact.kind == "step_failed"]
    assert failed == outcome.error


async def test_an_error_that_the_author_raises_on_purpose_stays_as_it_was_written(run_workflow: WorkflowRunner) -> None:
    outcome = await run_workflow(Refusing)

    assert outcome.error == "The shop is closed."

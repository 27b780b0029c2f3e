"""The example workflows with scripted models: waiting, failures and refusals."""

import asyncio
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic_ai.exceptions import UserError

from perdure.config.loader import load_settings
from perdure.config.yaml_file import CONFIG_VARIABLE
from perdure.contracts import StartWorkflow
from perdure.testing import ScriptedModel, WorkflowRunner
from perdure.testing.scripted_model import Line
from perdure_ingest.dry_run import TrialEvent, try_event
from perdure_ingest.rules import compile_rules
from perdure_orchestrator.filesystem_server import create_server
from tests.support.examples import EXAMPLES, example

ContentModeration = example("content_moderation", "moderation").ContentModeration
MultiAgentAnalysis = example("multi_analysis", "multi_analysis").MultiAgentAnalysis
EssayGrading = example("essays", "essays").EssayGrading

CONTENT = {"text": "Buy now!"}
DOCUMENT = {"text": "Ada was happy in Paris."}
MONTH = timedelta(days=30)


def echo(prompt: str) -> str:
    return prompt


async def test_content_waits_a_year_for_its_approval(run_workflow: WorkflowRunner) -> None:
    async with run_workflow.start(ContentModeration, CONTENT, model=echo) as run:
        await run.wait_for("note")
        await run.sleep(12 * MONTH)
        await run.signal("approve", {"reviewer": "ann", "comments": "less loud"})
        outcome = await run.outcome()

    assert outcome.result["outcome"] == "approved"
    assert "less loud" in outcome.result["text"]
    assert outcome.ending.at - outcome.progress[0].at > 12 * MONTH


async def test_rejected_content_is_a_result_with_its_reason(run_workflow: WorkflowRunner) -> None:
    async with run_workflow.start(ContentModeration, CONTENT, model=echo) as run:
        await run.signal("reject", {"reviewer": "ann", "reason": "no proof"})  # before the review is done
        await run.signal("approve", {"reviewer": "bob"})
        outcome = await run.outcome()

    assert outcome.result == {"outcome": "rejected", "reviewer": "ann", "text": None, "reason": "no proof"}
    assert len(outcome.notes) == 1


async def test_the_three_agents_run_at_the_same_time(run_workflow: WorkflowRunner) -> None:
    all_called = asyncio.Barrier(3)

    class Slow(ScriptedModel):
        async def _respond(self, messages: Any, info: Any) -> Any:
            await all_called.wait()  # for ever, if they ran one after another
            return await super()._respond(messages, info)

    outcome = await run_workflow(MultiAgentAnalysis, DOCUMENT, model=Slow(echo))

    assert set(outcome.result["found"]) == {"sentiment", "entities", "summary"}


async def test_an_agent_that_fails_for_good_is_reported_beside_the_others(run_workflow: WorkflowRunner) -> None:
    def entities_fail(prompt: str) -> Line:
        return UserError("no such option") if "entities" in prompt else "well"

    outcome = await run_workflow(MultiAgentAnalysis, DOCUMENT, model=entities_fail)

    assert outcome.result["found"] == {"sentiment": "well", "summary": "well"}
    assert "no such option" in outcome.result["failed"]["entities"]


async def test_a_run_fails_if_no_agent_answers(run_workflow: WorkflowRunner) -> None:
    outcome = await run_workflow(MultiAgentAnalysis, DOCUMENT, model=lambda _: UserError("no such option"))

    assert outcome.ending.kind == "failed"
    assert "No agent answered" in (outcome.error or "")


async def test_a_disputed_essay_waits_for_its_teacher(run_workflow: WorkflowRunner, tmp_path: Path) -> None:
    (tmp_path / "essay.md").write_text("My holidays")
    servers = {"filesystem": create_server(tmp_path)}
    essay = {"path": "essay.md", "disputed": True}
    async with run_workflow.start(EssayGrading, essay, model=echo, servers=servers) as run:
        await run.wait_for("note")
        await run.sleep(MONTH)
        assert not (tmp_path / "essay.md.report.md").exists()
        await run.signal("teacher_approval", "ms lee")
        outcome = await run.outcome()

    assert outcome.result == {"report": "essay.md.report.md", "approved_by": "ms lee"}
    assert "My holidays" in (tmp_path / "essay.md.report.md").read_text()


async def test_an_essay_is_analysed_five_times_with_growing_backoff_before_it_fails(
    run_workflow: WorkflowRunner, tmp_path: Path
) -> None:
    (tmp_path / "essay.md").write_text("My holidays")
    servers = {"filesystem": create_server(tmp_path)}

    outcome = await run_workflow(
        EssayGrading, {"path": "essay.md"}, model=[ConnectionError("away")] * 9, servers=servers
    )

    assert max(fact.attempt for fact in outcome.progress if fact.step == "analyser: ask") == 5
    assert outcome.ending.kind == "failed"
    (alert,) = outcome.alerts
    assert (alert.title, alert.roles) == ("The essay essay.md was not graded", ("administrator",))
    assert outcome.ending.at - outcome.progress[0].at >= timedelta(seconds=2 + 4 + 8 + 16)


@pytest.mark.parametrize(
    ("data", "priority", "why"),
    [({}, 1, "starts EssayGrading"), ({"bulk": True}, 5, "starts EssayGrading, after its flow control")],
    ids=["one essay", "bulk"],
)
def test_a_single_essay_has_priority_over_bulk_essays_which_may_wait_for_the_night(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: dict[str, bool], priority: int, why: str
) -> None:
    shown = (EXAMPLES / "essays" / "perdure.yaml").read_text()
    window = re.findall(r"`(window: .*?)`", shown)[0]
    (tmp_path / "perdure.yaml").write_text(shown.replace("priority: 5", f"priority: 5, {window}"))
    monkeypatch.setenv(CONFIG_VARIABLE, str(tmp_path / "perdure.yaml"))
    event = TrialEvent(type="essays.submitted", body=json.dumps({"path": "essay.md", **data}).encode())

    rules = compile_rules(load_settings().routes)
    outcomes = try_event(event, rules=rules, now=datetime.now(UTC), max_payload_bytes=100_000)

    (taken,) = [outcome for outcome in outcomes if outcome.takes]
    command = StartWorkflow.model_validate(taken.command)
    assert (command.options.priority, taken.why.partition(" (")[0]) == (priority, why)

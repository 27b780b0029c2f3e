"""The five programs of the article do what it describes: as printed, with the changes in `tests/support/article.py`."""

import importlib
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from perdure.testing import WorkflowRunner, open_runner
from perdure_orchestrator.filesystem_server import create_server
from tests.support.article import changed_programs, printed_programs


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    """Import the programs from a file, as ``workflows: [app]`` does; the sandbox imports them anew for each run."""
    folder = tmp_path_factory.mktemp("article")
    (folder / "app.py").write_text(changed_programs(), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        yield importlib.import_module("app")
        del sys.modules["app"]


@pytest.fixture
async def run_workflow() -> AsyncIterator[WorkflowRunner]:
    async with open_runner() as runner:
        yield runner


def echo(prompt: str) -> str:
    return f"<{prompt}>"


def test_the_article_prints_five_programs() -> None:
    assert len(printed_programs()) == 5


async def test_a_document_is_loaded_analysed_and_reported_on(
    run_workflow: WorkflowRunner, app: ModuleType, tmp_path: Path
) -> None:
    (tmp_path / "text.md").write_text("Once upon a time")

    outcome = await run_workflow(
        app.DocumentAnalysisWorkflow, "text.md", model=echo, servers={"filesystem": create_server(tmp_path)}
    )

    assert outcome.result == "<生成报告: <分析文档: Once upon a time>>"
    assert outcome.steps == ["loader: load_file", "analyst: ask", "reporter: ask"]


async def test_moderation_waits_without_limit_for_an_approval(run_workflow: WorkflowRunner, app: ModuleType) -> None:
    async with run_workflow.start(app.ContentModerationWorkflow, "Hi", model=echo) as run:
        await run.wait_for("step_completed")
        await run.signal("approve", {"reviewer": "ann", "comments": "shorter"})  # one argument, as over the bus
        outcome = await run.outcome()

    assert outcome.result == "<根据反馈优化内容: Hi。反馈: shorter>"


async def test_a_rejected_run_fails_with_the_reason(run_workflow: WorkflowRunner, app: ModuleType) -> None:
    async with run_workflow.start(app.ContentModerationWorkflow, "Hi", model=echo) as run:
        await run.signal("reject", "ann", "rude")
        outcome = await run.outcome()

    assert (outcome.ending.kind, outcome.error) == ("failed", "内容被拒绝: rude")


async def test_three_agents_work_at_the_same_time(run_workflow: WorkflowRunner, app: ModuleType) -> None:
    asked = set[str]()

    def answer_once_all_have_asked(prompt: str) -> str | Exception:
        asked.add(prompt)
        return echo(prompt) if len(asked) == 3 else ConnectionError("alone")

    outcome = await run_workflow(app.MultiAgentAnalysisWorkflow, "a text", model=answer_once_all_have_asked)

    assert outcome.result == {
        "sentiment": "<分析情感: a text>",
        "entities": "<提取实体: a text>",
        "summary": "<生成摘要: a text>",
    }


@pytest.mark.parametrize(
    ("order", "kind", "steps"),
    [
        ({"id": "1"}, "completed", ["reserve_inventory", "process_payment", "schedule_shipping"]),
        (
            {"id": "1", "far": True},
            "failed",
            ["reserve_inventory", "process_payment", "schedule_shipping", "refund_payment", "release_inventory"],
        ),
    ],
)
async def test_an_order_is_completed_or_compensated(
    run_workflow: WorkflowRunner, app: ModuleType, order: dict[str, Any], kind: str, steps: list[str]
) -> None:
    outcome = await run_workflow(app.OrderProcessingWorkflow, order)

    assert (outcome.ending.kind, outcome.steps) == (kind, steps)
    if kind == "completed":
        assert outcome.result == {"order_id": "1", "status": "completed", "shipping": "s-1"}
    else:
        assert outcome.error == "订单处理失败: Activity task failed"


async def test_a_disputed_essay_waits_for_the_teacher(
    run_workflow: WorkflowRunner, app: ModuleType, tmp_path: Path
) -> None:
    (tmp_path / "essay.md").write_text("My dog")
    report = tmp_path / "essay.md.report.md"

    def disputed(prompt: str) -> str:
        return "需要人工审核" if prompt.startswith("分析作文") else "good"

    async with run_workflow.start(
        app.grade_essay, "essay.md", model=disputed, servers={"filesystem": create_server(tmp_path)}
    ) as run:
        await run.wait_for("step_completed", "analyzer: ask")
        assert not report.exists()
        await run.signal("teacher_approval")
        outcome = await run.outcome()

    assert outcome.ending.workflow == "EssayGradingWorkflow"
    assert outcome.result == report.read_text() == "good"


async def test_grading_that_fails_is_attempted_five_times_and_reported(
    run_workflow: WorkflowRunner, app: ModuleType, tmp_path: Path
) -> None:
    (tmp_path / "essay.md").write_text("My dog")

    outcome = await run_workflow(
        app.grade_essay,
        "essay.md",
        model=[ConnectionError("away")] * 9,
        servers={"filesystem": create_server(tmp_path)},
    )

    assert [fact.attempt for fact in outcome.progress if fact.step == "analyzer: ask"][-1] == 5
    assert outcome.steps[-1] == "notify_error"
    assert (outcome.ending.kind, "away" in (outcome.error or "")) == ("failed", True)

"""Each program of the article behaves as the article describes."""

from typing import Any

import pytest
from mcp.server.mcpserver import MCPServer

from perdure.testing import WorkflowRunner
from perdure_orchestrator.registry import load_registry
from tests.article import programs
from tests.article.programs import BOOKS

REGISTRY = load_registry(["tests.article.programs"])


@pytest.fixture(autouse=True)
def empty_books() -> None:
    BOOKS.clear()


@pytest.fixture
def files() -> tuple[dict[str, str], MCPServer]:
    """Return a folder with one file, and the MCP server for it."""
    folder = {"text.md": "Once upon a time"}
    server = MCPServer("filesystem")

    @server.tool()
    def load_file(path: str) -> str:
        """Read a file."""
        return folder[path]

    @server.tool()
    def write_file(path: str, content: str) -> str:
        """Write a file."""
        folder[path] = content
        return "written"

    return folder, server


def echo(prompt: str) -> str:
    return f"<{prompt}>"


async def test_a_document_is_loaded_analysed_and_reported_on(
    run_workflow: WorkflowRunner, files: tuple[dict[str, str], MCPServer]
) -> None:
    outcome = await run_workflow(
        programs.DocumentAnalysisWorkflow, "text.md", model=echo, servers={"filesystem": files[1]}
    )

    assert outcome.result == "<Report: <Analyse: Once upon a time>>"


async def test_moderation_waits_without_limit_for_an_approval(run_workflow: WorkflowRunner) -> None:
    async with run_workflow.start(programs.ContentModerationWorkflow, "Hi", model=echo) as run:
        await run.wait_for("step_completed")
        await run.signal("approve", {"reviewer": "ann", "comments": "shorter"})  # one argument, as over the bus
        outcome = await run.outcome()

    assert outcome.result == "<Improve: Hi. shorter>"


async def test_a_rejected_run_fails_with_the_reason(run_workflow: WorkflowRunner) -> None:
    async with run_workflow.start(programs.ContentModerationWorkflow, "Hi", model=echo) as run:
        await run.signal("reject", "ann", "rude")
        outcome = await run.outcome()

    assert (outcome.ending.kind, outcome.error) == ("failed", "Rejected: rude")


async def test_three_agents_work_at_the_same_time(run_workflow: WorkflowRunner) -> None:
    outcome = await run_workflow(programs.MultiAgentAnalysisWorkflow, "a text", model=echo)

    assert outcome.result == {name: f"<{name}: a text>" for name in ("sentiment", "entities", "summary")}


@pytest.mark.parametrize(
    ("order", "kind", "books"),
    [
        ({"id": "1"}, "completed", ["reserve", "pay", "ship"]),
        ({"id": "1", "far": True}, "failed", ["reserve", "pay", "refund", "release"]),
    ],
)
async def test_an_order_is_completed_or_compensated(
    run_workflow: WorkflowRunner, order: dict[str, Any], kind: str, books: list[str]
) -> None:
    outcome = await run_workflow(programs.OrderProcessingWorkflow, order, activities=REGISTRY.activities)

    assert (outcome.ending.kind, BOOKS) == (kind, books)
    assert kind == "completed" or "nobody ships there" in (outcome.error or "")


async def test_a_disputed_essay_waits_for_the_teacher(
    run_workflow: WorkflowRunner, files: tuple[dict[str, str], MCPServer]
) -> None:
    folder, server = files

    def disputed(prompt: str) -> str:
        return "disputed" if prompt.startswith("Analyse") else "good"

    async with run_workflow.start(
        programs.grade_essay, "text.md", model=disputed, servers={"filesystem": server}
    ) as run:
        await run.wait_for("step_completed", "analyzer: ask")
        assert "text.md.report.md" not in folder
        await run.signal("teacher_approval")
        outcome = await run.outcome()

    assert outcome.ending.workflow == "EssayGradingWorkflow"
    assert outcome.result == folder["text.md.report.md"] == "good"


async def test_grading_that_fails_is_attempted_five_times_and_reported(
    run_workflow: WorkflowRunner, files: tuple[dict[str, str], MCPServer]
) -> None:
    outcome = await run_workflow(
        programs.grade_essay,
        "text.md",
        model=[ConnectionError("away")] * 9,
        servers={"filesystem": files[1]},
        activities=REGISTRY.activities,
    )

    assert max(fact.attempt for fact in outcome.progress if fact.step == "analyzer: ask") == 5
    assert outcome.ending.kind == "failed"
    assert "away" in BOOKS[0]

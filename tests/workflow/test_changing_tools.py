"""Lists of tools that come in pages, have no end, or change while a run is open."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from mcp.server.mcpserver import Context, MCPServer
from temporalio import workflow

from perdure.config.settings import StdioServer
from perdure.flow import Agent
from perdure.testing import ScriptedModel, ToolUse, WorkflowRunner

PROGRAM = Path(__file__).parents[1] / "support" / "listing_server.py"


@workflow.defn
class Working:
    """Lets the model work; each of its workflow tasks replays the ones before."""

    @workflow.run
    async def run(self) -> str:
        async with Agent("clerk", server_names=["shop"]) as clerk:
            return await clerk.llm.generate_str("Go")


class Recording(ScriptedModel):
    """Records which tools each request offered, and which results it carried."""

    def __init__(self, script: Any) -> None:
        super().__init__(script)
        self.offers: list[list[str]] = []
        self.results: list[str] = []

    async def _respond(self, messages: Any, info: Any) -> Any:
        self.offers.append([tool.name for tool in info.function_tools])
        self.results += [str(part.content) for part in messages[-1].parts if part.part_kind == "tool-return"]
        return await super()._respond(messages, info)


def listing(folder: Path, pages: list[list[str]], cursor: str = "") -> dict[str, Any]:
    file = folder / "pages.json"
    file.write_text(json.dumps(pages))
    return {"shop": StdioServer(command=sys.executable, args=(str(PROGRAM), str(file)), env={"CURSOR": cursor})}


@pytest.mark.parametrize(
    ("cursor", "offered", "note"),
    [
        ("", ["a", "b", "c"], None),
        ("number", ["a", "b", "c"], None),
        ("circle", ["a", "b", "c"], "shop lists its tools without an end: 3 are taken"),
        ("endless", ["a", "b", "c", "tool_2"], "shop lists its tools without an end: 1002 are taken"),
    ],
)
async def test_a_list_in_pages_is_read_to_its_end_or_to_a_limit(
    run_workflow: WorkflowRunner, tmp_path: Path, cursor: str, offered: list[str], note: str | None
) -> None:
    model = Recording(["done"])

    outcome = await run_workflow(Working, model=model, servers=listing(tmp_path, [["a", "b"], ["c"]], cursor))

    assert outcome.result == "done"
    assert model.offers[0][: len(offered)] == offered
    notes = [str(fact.result) for fact in outcome.progress if fact.kind == "note"]
    notes = [text for text in notes if "is still starting" not in text]  # a busy machine reads 1,002 pages for seconds
    assert notes == ([] if note is None else [note])


async def test_new_tools_are_offered_with_the_next_request_and_a_vanished_one_is_a_sentence(
    run_workflow: WorkflowRunner, tmp_path: Path
) -> None:
    model = Recording(
        [ToolUse("swap", {"pages": [["swap"], ["new"]]}), ToolUse("new"), ToolUse("old", unoffered=True), "done"]
    )

    outcome = await run_workflow(Working, model=model, servers=listing(tmp_path, [["swap", "old"]]))

    assert outcome.result == "done"
    assert model.offers == [["swap", "old"], *[["swap", "new"]] * 3]
    assert model.results[-2:] == [
        "new was called",
        "Error: No tool is called old on shop; there are: new, swap",
    ]


async def test_a_server_of_the_protocol_of_2026_notifies_those_who_subscribe(run_workflow: WorkflowRunner) -> None:
    server = MCPServer("shop")

    @server.tool()
    async def grow(context: Context) -> str:
        """Add a tool."""
        server.add_tool(lambda: "new was called", name="new", description="A new tool.")
        await context.notify_tools_changed()
        return "grown"

    model = Recording([ToolUse("grow"), ToolUse("new"), "done"])
    outcome = await run_workflow(Working, model=model, servers={"shop": server})

    assert outcome.result == "done"
    assert model.offers == [["grow"], *[["grow", "new"]] * 2]


async def test_a_list_that_changed_without_a_notification_is_read_again_later(
    run_workflow: WorkflowRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("perdure_orchestrator.agents.list_changes._FRESH_FOR", 0.0)
    server = MCPServer("shop")

    @server.tool()
    async def grow() -> str:
        """Add a tool, and tell nobody."""
        server.add_tool(lambda: "new was called", name="new", description="A new tool.")
        return "grown"

    model = Recording([ToolUse("grow"), ToolUse("new"), "done"])
    outcome = await run_workflow(Working, model=model, servers={"shop": server})

    assert outcome.result == "done"
    assert model.offers == [["grow"], *[["grow", "new"]] * 2]

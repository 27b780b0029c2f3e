"""Pictures and resources of the official MCP server "everything", as a model and a program get them."""

import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic_ai.messages import BinaryContent, ModelMessage
from temporalio import workflow

from perdure.config.settings import StdioServer
from perdure.flow import Agent
from perdure.testing import ScriptedModel, ToolUse, WorkflowRunner

EVERYTHING = StdioServer(
    command=str(Path(sys.prefix) / "npm" / "node_modules" / ".bin" / "mcp-server-everything"), args=("stdio",)
)
FILESYSTEM = str(Path(sys.prefix) / "npm" / "node_modules" / ".bin" / "mcp-server-filesystem")
NAMED_LIKE_KEYS = {"KEY_VAULT_NAME": "production", "PRIMARY_KEY_COLUMN": "id", "DEPLOY_TOKEN": "token", "SECRET": "a"}
USES = [
    ToolUse("get-tiny-image"),
    ToolUse("get-resource-links", {"count": 2}),
    ToolUse("get-resource-reference", {"resourceType": "Blob", "resourceId": 1}),
]


@workflow.defn
class Exploring:
    """Lets the model use the tools, and calls one itself."""

    @workflow.run
    async def run(self) -> tuple[str, list[str]]:
        async with Agent("explorer", server_names=["everything"]) as explorer:
            answer = await explorer.llm.generate_str("Explore")
            picture = await explorer.tools.call("get-tiny-image")
        return answer, [f"{file.media_type} {file.data[:4]!r}" for file in picture.files]


async def test_a_model_sees_pictures_and_reads_about_links(run_workflow: WorkflowRunner) -> None:
    results: list[Any] = []

    class Seeing(ScriptedModel):
        async def _respond(self, messages: list[ModelMessage], info: Any) -> Any:
            results.extend(getattr(part, "content", None) for part in messages[-1].parts)
            return await super()._respond(messages, info)

    outcome = await run_workflow(Exploring, model=Seeing([*USES, "done"]), servers={"everything": EVERYTHING})

    _, picture, links, resource = results
    assert outcome.result == ["done", ["image/png b'\\x89PNG'"]]
    assert [item.media_type for item in picture if isinstance(item, BinaryContent)] == ["image/png"]
    assert [type(item) for item in picture] == [str, BinaryContent, str]
    assert links.count("(a link to a resource: ") == 2
    assert "demo://resource/dynamic/" in links
    assert "Resource 1" in str(resource)


@workflow.defn
class Copying:
    """Reads a file with one tool, and writes it with another."""

    @workflow.run
    async def run(self, source: str, target: str) -> bool:
        async with Agent("copier", server_names=["files"]) as copier:
            read = await copier.tools.call("read_text_file", {"path": source})
            written = await copier.tools.call("write_file", {"path": target, "content": read.text})
        return read.is_error or written.is_error


async def test_a_file_that_is_read_and_written_back_is_the_same_whatever_the_environment_holds(
    run_workflow: WorkflowRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in NAMED_LIKE_KEYS.items():
        monkeypatch.setenv(name, value)
    source, target = tmp_path / "source.env", tmp_path / "target.env"
    lines = [f"{name}={value}" for name, value in NAMED_LIKE_KEYS.items()]
    source.write_text("\n".join([*lines, "deployed to production by id, with a token: größe\t*** "]) + "\n\n")
    files = StdioServer(command=FILESYSTEM, args=(str(tmp_path),))

    outcome = await run_workflow(Copying, str(source), str(target), servers={"files": files})

    assert outcome.result is False
    assert target.read_bytes() == source.read_bytes()

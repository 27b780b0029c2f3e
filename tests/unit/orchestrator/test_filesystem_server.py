"""The folder's server: what it serves, and that nothing outside is ever read or written."""

from pathlib import Path

import pytest
from mcp import Client
from mcp.types import CallToolResult, TextContent

from perdure_orchestrator.filesystem_server import create_server

PRIVATE = "for nobody to see"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder that is served, beside something that is not, with links that lead there."""
    root = tmp_path / "served"
    root.mkdir()
    (tmp_path / "secret.txt").write_text(PRIVATE)
    (root / "link.txt").symlink_to(tmp_path / "secret.txt")
    (root / "up").symlink_to(tmp_path)
    (root / "dangling.txt").symlink_to(tmp_path / "new.txt")
    return root


async def call(root: Path, tool: str, **arguments: str) -> CallToolResult:
    async with Client(create_server(root)) as client:
        return await client.call_tool(tool, arguments)


def text(result: CallToolResult) -> str:
    (part,) = result.content
    assert isinstance(part, TextContent)
    return part.text


def outside(root: Path) -> dict[str, str]:
    return {file.name: file.read_text() for file in root.parent.iterdir() if file != root}


@pytest.mark.parametrize("name", ["report.md", "Prüfbericht 報告.md", "a b.txt"])
async def test_what_is_written_is_read_back(root: Path, name: str) -> None:
    written = await call(root, "write_file", path=name, content="Grüße, 世界\n")

    assert not written.is_error
    assert text(await call(root, "read_text_file", path=name)) == "Grüße, 世界\n"


async def test_a_file_is_replaced_whole_and_no_draft_is_left(root: Path) -> None:
    for content in ("a long first version", "short"):
        await call(root, "write_file", path="report.md", content=content)

    assert (root / "report.md").read_text() == "short"
    assert sorted(file.name for file in root.iterdir()) == ["dangling.txt", "link.txt", "report.md", "up"]


async def test_an_absolute_path_into_the_folder_is_as_good(root: Path) -> None:
    await call(root, "write_file", path=str(root / "report.md"), content="here")

    assert (root / "report.md").read_text() == "here"


async def test_a_folder_is_listed_a_line_each(root: Path) -> None:
    (root / "old").mkdir()
    (root / "contract.md").touch()

    listed = text(await call(root, "list_directory"))

    assert listed.splitlines() == ["contract.md", "dangling.txt", "link.txt", "old/", "up/"]


@pytest.mark.parametrize(
    "path", ["../secret.txt", "{outside}/secret.txt", "link.txt", "up/secret.txt", "up/../{name}/secret.txt"]
)
async def test_what_lies_outside_is_not_read(root: Path, path: str) -> None:
    answer = await call(root, "read_text_file", path=path.format(outside=root.parent, name=root.parent.name))

    assert answer.is_error
    assert PRIVATE not in text(answer)


@pytest.mark.parametrize("path", ["../new.txt", "{outside}/new.txt", "link.txt", "up/new.txt", "dangling.txt"])
async def test_what_lies_outside_is_not_written(root: Path, path: str) -> None:
    answer = await call(root, "write_file", path=path.format(outside=root.parent), content="mine now")

    assert answer.is_error
    assert outside(root) == {"secret.txt": PRIVATE}


@pytest.mark.parametrize("path", ["..", "up"])
async def test_what_lies_outside_is_not_listed(root: Path, path: str) -> None:
    answer = await call(root, "list_directory", path=path)

    assert answer.is_error
    assert "secret.txt" not in text(answer)


@pytest.mark.parametrize("path", ["missing.md", "fehlt 無.md", "", "folder"])
async def test_what_is_not_there_to_be_read_is_told_as_an_error(root: Path, path: str) -> None:
    (root / "folder").mkdir()

    assert (await call(root, "read_text_file", path=path)).is_error

"""The folder's server: what it serves, and that nothing outside is ever read or written."""

from pathlib import Path

import pytest
from mcp import Client
from mcp.types import CallToolResult, TextContent
from pypdf import PdfWriter

from perdure_orchestrator.filesystem_server import create_server
from tests.support.examples import EXAMPLES

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


async def test_programs_for_mcp_agent_load_a_file(root: Path) -> None:
    await call(root, "write_file", path="note.md", content="Grüße")

    assert text(await call(root, "load_file", path="note.md")) == "Grüße"


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

    assert listed.splitlines() == [
        "[FILE] contract.md",
        "[FILE] dangling.txt",
        "[FILE] link.txt",
        "[DIR] old",
        "[DIR] up",
    ]


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


@pytest.mark.parametrize(
    ("tool", "path", "said"),
    [
        ("read_text_file", "missing.md", "'missing.md' cannot be read: No such file or directory"),
        ("read_text_file", "fehlt 無.md", "'fehlt 無.md' cannot be read: No such file or directory"),
        ("read_text_file", "", "'' cannot be read: Is a directory"),
        ("read_text_file", "folder", "'folder' cannot be read: Is a directory"),
        ("read_text_file", "image.png", "'image.png' cannot be read: it is not UTF-8 text"),
        ("read_text_file", "a\0b", "cannot be read: embedded null byte"),
        ("read_text_file", "loop", "'loop' cannot be read: "),
        ("read_text_file", "../secret.txt", "'../secret.txt' lies outside the folder that this server serves"),
        ("write_file", "missing/report.md", "'missing/report.md' cannot be written: No such file or directory"),
        ("write_file", "image.png/report.md", "'image.png/report.md' cannot be written: Not a directory"),
        ("write_file", "x" * 300, "cannot be written: File name too long"),
        ("list_directory", "missing", "'missing' cannot be listed: No such file or directory"),
        ("list_directory", "image.png", "'image.png' cannot be listed: Not a directory"),
    ],
)
async def test_what_cannot_be_done_is_told_in_a_sentence_with_its_path(
    root: Path, tool: str, path: str, said: str
) -> None:
    (root / "folder").mkdir()
    (root / "image.png").write_bytes(b"\x89PNG")
    (root / "loop").symlink_to(root / "loop")

    answer = await call(root, tool, path=path, **({"content": "text"} if tool == "write_file" else {}))

    assert answer.is_error
    assert said in text(answer)


async def test_of_a_pdf_the_text_is_read() -> None:
    read = await call(EXAMPLES / "documents", "read_text_file", path="offer.pdf")

    assert "GBP 9,800 a kitchen" in text(read)


@pytest.mark.parametrize(
    ("password", "said"), [(None, "it is a PDF without text"), ("secret", "it asks for a password")]
)
async def test_of_a_pdf_without_a_text_one_may_read_it_is_told_why(root: Path, password: str | None, said: str) -> None:
    pdf = PdfWriter()
    pdf.add_blank_page(100, 100)
    if password:
        pdf.encrypt(password, algorithm="RC4-128")
    pdf.write(root / "scan.PDF")

    answer = await call(root, "read_text_file", path="scan.PDF")

    assert answer.is_error
    assert f"'scan.PDF' cannot be read: {said}" in text(answer)


@pytest.mark.parametrize(
    ("path", "content"),
    [("", "text"), (".", "text"), ("folder", "text"), ("report.md", "\ud800"), ("missing/report.md", "text")],
)
async def test_what_cannot_be_written_leaves_no_draft(root: Path, path: str, content: str) -> None:
    (root / "folder").mkdir()
    before = set(root.parent.rglob("*"))

    answer = await call(root, "write_file", path=path, content=content)

    assert answer.is_error
    assert f"'{path}' cannot be written: " in text(answer)
    assert set(root.parent.rglob("*")) == before


async def test_a_file_gets_the_permissions_that_new_files_get_here(root: Path) -> None:
    (root / "usual").touch()

    await call(root, "write_file", path="report.md", content="for all who may read here")

    assert (root / "report.md").stat().st_mode == (root / "usual").stat().st_mode

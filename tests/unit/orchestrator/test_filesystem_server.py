"""The filesystem server: its tools, and that it never reads or writes outside its folder."""

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
    """A served folder beside a private file, with links that lead there."""
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
async def test_a_written_file_is_read_back(root: Path, name: str) -> None:
    written = await call(root, "write_file", path=name, content="Grüße, 世界\n")

    assert not written.is_error
    assert text(await call(root, "read_text_file", path=name)) == "Grüße, 世界\n"


async def test_load_file_reads_a_file(root: Path) -> None:
    await call(root, "write_file", path="note.md", content="Grüße")

    assert text(await call(root, "load_file", path="note.md")) == "Grüße"


async def test_a_file_is_replaced_whole_and_no_draft_remains(root: Path) -> None:
    for content in ("a long first version", "short"):
        await call(root, "write_file", path="report.md", content=content)

    assert (root / "report.md").read_text() == "short"
    assert sorted(file.name for file in root.iterdir()) == ["dangling.txt", "link.txt", "report.md", "up"]


async def test_an_absolute_path_into_the_folder_is_accepted(root: Path) -> None:
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
async def test_a_path_outside_the_folder_is_not_read(root: Path, path: str) -> None:
    result = await call(root, "read_text_file", path=path.format(outside=root.parent, name=root.parent.name))

    assert result.is_error
    assert PRIVATE not in text(result)


@pytest.mark.parametrize("path", ["../new.txt", "{outside}/new.txt", "link.txt", "up/new.txt", "dangling.txt"])
async def test_a_path_outside_the_folder_is_not_written(root: Path, path: str) -> None:
    result = await call(root, "write_file", path=path.format(outside=root.parent), content="overwritten")

    assert result.is_error
    assert outside(root) == {"secret.txt": PRIVATE}


@pytest.mark.parametrize("path", ["..", "up"])
async def test_a_path_outside_the_folder_is_not_listed(root: Path, path: str) -> None:
    result = await call(root, "list_directory", path=path)

    assert result.is_error
    assert "secret.txt" not in text(result)


@pytest.mark.parametrize(
    ("tool", "path", "message"),
    [
        ("read_text_file", "missing.md", "'missing.md' cannot be read: No such file or directory"),
        ("read_text_file", "fehlt 無.md", "'fehlt 無.md' cannot be read: No such file or directory"),
        ("read_text_file", "", "'' cannot be read: Is a directory"),
        ("read_text_file", "folder", "'folder' cannot be read: Is a directory"),
        ("read_text_file", "image.png", "'image.png' cannot be read: it is not UTF-8 text"),
        ("read_text_file", "a\0b", "cannot be read: embedded null byte"),
        ("read_text_file", "loop", "'loop' cannot be read: "),
        ("read_text_file", "../secret.txt", "'../secret.txt' is outside the folder that this server serves"),
        ("write_file", "missing/report.md", "'missing/report.md' cannot be written: No such file or directory"),
        ("write_file", "image.png/report.md", "'image.png/report.md' cannot be written: Not a directory"),
        ("write_file", "x" * 300, "cannot be written: File name too long"),
        ("list_directory", "missing", "'missing' cannot be listed: No such file or directory"),
        ("list_directory", "image.png", "'image.png' cannot be listed: Not a directory"),
    ],
)
async def test_an_error_names_the_path_and_the_reason(root: Path, tool: str, path: str, message: str) -> None:
    (root / "folder").mkdir()
    (root / "image.png").write_bytes(b"\x89PNG")
    (root / "loop").symlink_to(root / "loop")

    result = await call(root, tool, path=path, **({"content": "text"} if tool == "write_file" else {}))

    assert result.is_error
    assert message in text(result)


async def test_the_text_of_a_pdf_is_read() -> None:
    read = await call(EXAMPLES / "documents", "read_text_file", path="offer.pdf")

    assert "GBP 9,800 a kitchen" in text(read)


@pytest.mark.parametrize(
    ("password", "reason"), [(None, "it is a PDF without text"), ("secret", "it is encrypted with a password")]
)
async def test_the_error_for_an_unreadable_pdf_names_the_reason(root: Path, password: str | None, reason: str) -> None:
    pdf = PdfWriter()
    pdf.add_blank_page(100, 100)
    if password:
        pdf.encrypt(password, algorithm="RC4-128")
    pdf.write(root / "scan.PDF")

    result = await call(root, "read_text_file", path="scan.PDF")

    assert result.is_error
    assert f"'scan.PDF' cannot be read: {reason}" in text(result)


@pytest.mark.parametrize(
    ("path", "content"),
    [("", "text"), (".", "text"), ("folder", "text"), ("report.md", "\ud800"), ("missing/report.md", "text")],
)
async def test_a_failed_write_leaves_no_draft(root: Path, path: str, content: str) -> None:
    (root / "folder").mkdir()
    before = set(root.parent.rglob("*"))

    result = await call(root, "write_file", path=path, content=content)

    assert result.is_error
    assert f"'{path}' cannot be written: " in text(result)
    assert set(root.parent.rglob("*")) == before


async def test_a_written_file_has_the_default_permissions(root: Path) -> None:
    (root / "usual").touch()

    await call(root, "write_file", path="report.md", content="text")

    assert (root / "report.md").stat().st_mode == (root / "usual").stat().st_mode

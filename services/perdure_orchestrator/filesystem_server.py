"""An MCP server for one folder: what the demo and small suites read documents from and write reports to.

The tools carry the names of the reference server (npm ``@modelcontextprotocol/server-filesystem``), so that one can be
put in the other's place; ``load_file`` is what programs for mcp-agent call ``read_text_file``.
"""

from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from pypdf import PdfReader
from pypdf.errors import PyPdfError

__all__ = ["create_server"]


def create_server(root: Path) -> MCPServer:
    """Build a server that never leaves the folder."""
    root = root.resolve()
    server = MCPServer("filesystem")

    @server.tool(name="load_file")
    @server.tool()
    def read_text_file(path: str) -> str:
        """Read a text file (UTF-8), or the text of a PDF."""
        with _telling(path, "read"):
            file = _inside(root, path)
            return _text_of_pdf(file) if file.suffix.lower() == ".pdf" else file.read_text(encoding="utf-8")

    @server.tool()
    def write_file(path: str, content: str) -> str:
        """Write a text file (UTF-8), whole or not at all; writing the same again changes nothing."""
        with _telling(path, "written"):
            target = _inside(root, path)
            if target.is_dir():
                raise ToolError(f"{path!r} cannot be written: it is a folder")
            _write_whole(target, content.encode())
        return f"Wrote {path}"

    @server.tool()
    def list_directory(path: str = ".") -> str:
        """List what a folder holds, a line each: [FILE] or [DIR] and its name."""
        with _telling(path, "listed"):
            entries = sorted(_inside(root, path).iterdir())
            return "\n".join(f"{'[DIR]' if entry.is_dir() else '[FILE]'} {entry.name}" for entry in entries)

    return server


def _inside(root: Path, path: str) -> Path:
    target = (root / path).resolve()
    if not target.is_relative_to(root):
        raise ToolError(f"{path!r} lies outside the folder that this server serves")
    return target


def _text_of_pdf(file: Path) -> str:
    reader = PdfReader(file)
    if reader.is_encrypted and not reader.decrypt(""):
        raise ValueError("it asks for a password")
    text = "\n\n".join(page.extract_text() for page in reader.pages).strip()
    if not text:
        raise ValueError("it is a PDF without text: if it is a scan, put its text (OCR) in its place")
    return text


def _write_whole(target: Path, content: bytes) -> None:
    draft = target.with_name(f".{uuid4().hex}.draft")
    try:
        draft.write_bytes(content)
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def _telling(path: str, done: str) -> Iterator[None]:
    """Say what keeps a path from being read or written: of any error but its own, mcp tells the caller nothing.

    Raises:
        ToolError: The sentence names the path and the reason.
    """
    try:
        yield
    except UnicodeError as error:
        raise ToolError(f"{path!r} cannot be {done}: it is not UTF-8 text") from error
    except PyPdfError as error:
        raise ToolError(f"{path!r} cannot be {done}: it is no PDF that pypdf understands ({error})") from error
    except (OSError, RuntimeError, ValueError) as error:  # not there, a loop of links, a zero byte in the path
        raise ToolError(f"{path!r} cannot be {done}: {getattr(error, 'strerror', None) or error}") from error


if __name__ == "__main__":
    parser = ArgumentParser(prog="python -m perdure_orchestrator.filesystem_server", description=__doc__)
    parser.add_argument("root", type=Path)
    create_server(parser.parse_args().root).run()

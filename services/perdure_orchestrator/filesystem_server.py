"""An MCP server for the files of one folder, for the demo and small suites.

The tools have the names of the reference server's (npm ``@modelcontextprotocol/server-filesystem``), so that either
server can replace the other. ``load_file`` is ``read_text_file`` under the name that programs for mcp-agent use.
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
    """Build a server that reads and writes only inside the folder."""
    root = root.resolve()
    server = MCPServer("filesystem")

    @server.tool(name="load_file")
    @server.tool()
    def read_text_file(path: str) -> str:
        """Read a text file (UTF-8), or the text of a PDF."""
        with _as_tool_error(path, "read"):
            file = _path_inside(root, path)
            return _pdf_text(file) if file.suffix.lower() == ".pdf" else file.read_text(encoding="utf-8")

    @server.tool()
    def write_file(path: str, content: str) -> str:
        """Write a text file (UTF-8) whole or not at all; writing the same again changes nothing."""
        with _as_tool_error(path, "written"):
            target = _path_inside(root, path)
            if target.is_dir():
                raise ToolError(f"{path!r} cannot be written: it is a folder")
            _write_atomically(target, content.encode())
        return f"Wrote {path}"

    @server.tool()
    def list_directory(path: str = ".") -> str:
        """List a folder's entries, one a line: [FILE] or [DIR], and the name."""
        with _as_tool_error(path, "listed"):
            entries = sorted(_path_inside(root, path).iterdir())
            return "\n".join(f"{'[DIR]' if entry.is_dir() else '[FILE]'} {entry.name}" for entry in entries)

    return server


def _path_inside(root: Path, path: str) -> Path:
    target = (root / path).resolve()
    if not target.is_relative_to(root):
        raise ToolError(f"{path!r} is outside the folder that this server serves")
    return target


def _pdf_text(file: Path) -> str:
    reader = PdfReader(file)
    if reader.is_encrypted and not reader.decrypt(""):
        raise ValueError("it is encrypted with a password")
    text = "\n\n".join(page.extract_text() for page in reader.pages).strip()
    if not text:
        raise ValueError("it is a PDF without text: if it is a scan, replace it by its text (OCR)")
    return text


def _write_atomically(target: Path, content: bytes) -> None:
    draft = target.with_name(f".{uuid4().hex}.draft")
    try:
        draft.write_bytes(content)
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def _as_tool_error(path: str, done: str) -> Iterator[None]:
    """Turn errors into tool errors, because mcp reports no details of any other error to the caller.

    Raises:
        ToolError: The message names the path and the reason.
    """
    try:
        yield
    except UnicodeError as error:
        raise ToolError(f"{path!r} cannot be {done}: it is not UTF-8 text") from error
    except PyPdfError as error:
        raise ToolError(f"{path!r} cannot be {done}: pypdf cannot read it as a PDF ({error})") from error
    except (OSError, RuntimeError, ValueError) as error:  # missing, a loop of links, a null byte in the path
        raise ToolError(f"{path!r} cannot be {done}: {getattr(error, 'strerror', None) or error}") from error


if __name__ == "__main__":
    parser = ArgumentParser(prog="python -m perdure_orchestrator.filesystem_server", description=__doc__)
    parser.add_argument("root", type=Path)
    create_server(parser.parse_args().root).run()

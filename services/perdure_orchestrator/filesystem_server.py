"""An MCP server for one folder: what the demo and small suites read documents from and write reports to.

The tools carry the names of the reference server (npm ``@modelcontextprotocol/server-filesystem``), so that one can be
put in the other's place.
"""

from argparse import ArgumentParser
from pathlib import Path
from tempfile import NamedTemporaryFile

from mcp.server.mcpserver import MCPServer

__all__ = ["create_server"]


def create_server(root: Path) -> MCPServer:
    """Build a server that never leaves the folder."""
    root = root.resolve()
    server = MCPServer("filesystem")

    @server.tool()
    def read_text_file(path: str) -> str:
        """Read a text file (UTF-8)."""
        return _inside(root, path).read_text(encoding="utf-8")

    @server.tool()
    def write_file(path: str, content: str) -> str:
        """Write a text file (UTF-8), whole or not at all; writing the same again changes nothing."""
        target = _inside(root, path)
        with NamedTemporaryFile("w", encoding="utf-8", dir=target.parent, delete=False) as draft:
            draft.write(content)
        Path(draft.name).replace(target)
        return f"Wrote {path}"

    @server.tool()
    def list_directory(path: str = ".") -> str:
        """List what a folder holds, a line each."""
        return "\n".join(sorted(entry.name + "/" * entry.is_dir() for entry in _inside(root, path).iterdir()))

    return server


def _inside(root: Path, path: str) -> Path:
    target = (root / path).resolve()
    if not target.is_relative_to(root):
        raise ValueError(f"{path} lies outside the folder that this server serves")
    return target


if __name__ == "__main__":
    parser = ArgumentParser(prog="python -m perdure_orchestrator.filesystem_server", description=__doc__)
    parser.add_argument("root", type=Path)
    create_server(parser.parse_args().root).run()

"""MCP servers run in folders of their own: what lies in the project's, keys and seeds among it, is not theirs."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from shutil import rmtree
from typing import Final

from perdure.config.problem import Problem
from perdure.config.project import project_folder
from perdure.config.settings import Settings, StdioServer
from perdure.config.yaml_file import source_position

__all__ = ["SERVER_FOLDERS", "ServerFolder", "folder_problems"]

SERVER_FOLDERS: Final = "mcp"
"""The folder of the servers' folders, in the state folder; each has the name of its server."""


@dataclass(frozen=True, slots=True)
class ServerFolder:
    """The folder of a server's process.

    Attributes:
        path: Where it is.
        passes: Whether it is removed with the process: what one run leaves there, another must not find.
    """

    path: Path
    passes: bool = False

    @asynccontextmanager
    async def made(self) -> AsyncIterator[Path]:
        """Make the folder for as long as the block lasts."""
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            yield self.path
        finally:
            if self.passes:
                await asyncio.to_thread(rmtree, self.path, ignore_errors=True)


def folder_problems(settings: Settings) -> Iterator[Problem]:
    """Yield each argument that names a file of the project, of a server that is not started in the project's folder."""
    for name, server in settings.mcp.servers.items():
        if isinstance(server, StdioServer) and server.cwd is None:
            for argument in _of_project(server):
                yield Problem(
                    where=source_position("mcp", "servers", name),
                    what=(
                        f"the MCP server {name} runs in a folder of its own, and {argument} is in the project's: write "
                        "`cwd: .` to start it there, where it can read all of the project, or an absolute path."
                    ),
                )


def _of_project(server: StdioServer) -> Iterator[str]:
    """Yield the arguments that mean something in the project's folder: paths there, and modules after ``-m``."""
    project = project_folder()
    for before, argument in pairwise(("", server.command, *server.args)):
        if before == "-m":
            module = project.joinpath(*argument.split("."))
            if module.is_dir() or module.with_suffix(".py").is_file():
                yield argument
        elif _is_path(argument, is_command=not before) and (project / argument).exists():
            yield argument


def _is_path(argument: str, *, is_command: bool) -> bool:
    """Return whether an argument is relative and may be a path; a command without a slash is looked up in PATH."""
    return bool(argument) and not Path(argument).is_absolute() and ("/" in argument or not is_command)

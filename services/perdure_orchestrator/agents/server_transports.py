"""How a session reaches its server: inside the worker, as a process, or over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from perdure.config.settings import HttpServer, StdioServer
from perdure_orchestrator.agents.broken_text import mend_body
from perdure_orchestrator.agents.in_process import InProcessServer
from perdure_orchestrator.agents.last_words import LastWords
from perdure_orchestrator.agents.long_bodies import bound_body
from perdure_orchestrator.agents.odd_listings import mended
from perdure_orchestrator.agents.redaction import Redactor
from perdure_orchestrator.agents.server_errors import HttpErrors
from perdure_orchestrator.agents.server_folder import ServerFolder
from perdure_orchestrator.agents.server_keys import server_headers, server_variables
from perdure_orchestrator.agents.server_process import ServerProcess
from perdure_orchestrator.agents.stdio_transport import stdio_transport
from perdure_orchestrator.agents.unreadable import MOST_BYTES

__all__ = ["Observed", "ServerConfig", "transport"]

ServerConfig = StdioServer | HttpServer | InProcessServer
"""The configuration of one MCP server."""


class Observed:
    """What a session's errors do not say themselves.

    Attributes:
        http_errors: The server's last HTTP error.
        words: What its process wrote last.
        process: Its process, once it has been started.
    """

    def __init__(self, redactor: Redactor) -> None:
        self.http_errors = HttpErrors()
        self.words = LastWords(redactor)
        self.process: ServerProcess | None = None

    async def own_end(self) -> str | None:
        """Return how the process ended by itself, with its last words; None if it has not, or if there is none."""
        end = None if self.process is None else await self.process.own_end()
        if end is not None:
            await self.words.complete()
        return end and f"{end}{self.words.sentence()}"


@asynccontextmanager
async def transport(
    name: str, config: ServerConfig, redactor: Redactor, observed: Observed, folder: ServerFolder
) -> AsyncIterator[Any]:
    """Start or reach a server; a process has ended when the block has.

    Args:
        name: The server's name, for error messages.
        config: How to start or reach it.
        redactor: Receives its keys.
        observed: Receives what happens.
        folder: The folder of its process: neither the project's nor the worker's.

    Yields:
        What mcp's client takes.

    Raises:
        OSError: The process cannot be started.
        ApplicationError: A key cannot be read.
    """
    if isinstance(config, InProcessServer):
        yield config.server
    elif isinstance(config, StdioServer):
        async with folder.made() as path, observed.words.recorded() as errors:

            async def start() -> ServerProcess:
                observed.process = await _started(name, config, redactor, path, errors)
                errors.close()
                return observed.process

            yield mended(stdio_transport(start, observed.words.record))
    else:
        from mcp.client.streamable_http import streamable_http_client  # noqa: PLC0415 (a slow import)
        from mcp.shared._httpx_utils import create_mcp_http_client  # noqa: PLC0415 (likewise)

        async with create_mcp_http_client(headers=server_headers(name, config, redactor)) as http:
            http.event_hooks = {"response": [observed.http_errors.record, bound_body(MOST_BYTES), mend_body]}
            yield mended(streamable_http_client(config.url, http_client=http, max_sse_event_size=MOST_BYTES))


async def _started(name: str, config: StdioServer, redactor: Redactor, folder: Path, errors: Any) -> ServerProcess:
    from mcp.client.stdio import get_default_environment  # noqa: PLC0415 (a slow import)

    home = {"HOME": str(folder.resolve())}
    env = {**get_default_environment(), **home, **config.env, **server_variables(name, config, redactor)}
    return await ServerProcess.start([config.command, *config.args], env, config.cwd or folder, errors)

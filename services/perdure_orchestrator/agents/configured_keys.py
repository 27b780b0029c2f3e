"""The keys that the configuration names: a worker masks them before it has used them, as other code may read them."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from perdure.config.secrets import read_secret
from perdure.config.settings import HttpServer, Settings, StdioServer
from perdure.errors import SetupError
from perdure_orchestrator.agents.server_keys import is_key

__all__ = ["configured_keys"]


def configured_keys(settings: Settings) -> Iterator[str]:
    """Yield the keys that can be read now; whoever needs another one says that it is missing."""
    for provider in settings.llm.providers.values():
        yield from _read(provider.api_key_file, provider.api_key_command, provider.api_key_variable)
    for server in settings.mcp.servers.values():
        if isinstance(server, HttpServer):
            yield from _read(server.token_file, server.token_command, server.token_variable)
            for file in server.header_files.values():
                yield from _read(file)
            for command in server.header_commands.values():
                yield from _read(command=command)
            for variable in server.header_variables.values():
                yield from _read(variable=variable)
        elif isinstance(server, StdioServer):
            yield from (value for name in server.env_from if is_key(name, value := os.environ.get(name, "")))


def _read(
    file: Path | None = None, command: tuple[str, ...] | None = None, variable: str | None = None
) -> Iterator[str]:
    with suppress(SetupError):
        yield read_secret("a key", file=file, command=command, variable=variable)

"""The keys that MCP servers get: read anew for each session, because files and variables change."""

import json
import os
import re
from pathlib import Path
from typing import Final

from perdure.config.secrets import read_secret
from perdure.config.settings import HttpServer, StdioServer
from perdure.errors import SetupError
from perdure_orchestrator.agents.redaction import Redactor
from perdure_orchestrator.agents.server_errors import unusable_server

__all__ = ["is_key", "server_headers", "server_variables"]

_SHORTEST_KEY: Final = 8  # characters
_NO_KEYS: Final = re.compile("PATH|HOME|USER|LOGNAME|SHELL|TERM|PWD|TMPDIR|TZ|LANG|LANGUAGE|LC_.*")


def server_headers(name: str, config: HttpServer, redactor: Redactor) -> dict[str, str]:
    """Return the headers of all requests to a server; those that are read are masked from now on.

    Raises:
        ApplicationError: One cannot be read.
    """
    read = {header: _secret(name, header, file=file) for header, file in config.header_files.items()}
    read |= {header: _secret(name, header, command=given) for header, given in config.header_commands.items()}
    read |= {header: _variable(name, variable) for header, variable in config.header_variables.items()}
    headers = {**config.headers, **{header: redactor.add(value) for header, value in read.items()}}
    if config.token_file is not None or config.token_command is not None:
        token = _token(name, _secret(name, "token", file=config.token_file, command=config.token_command))
        headers["Authorization"] = f"Bearer {redactor.add(token)}"
    elif config.token_variable is not None:
        headers["Authorization"] = f"Bearer {redactor.add(_variable(name, config.token_variable))}"
    return headers


def server_variables(name: str, config: StdioServer, redactor: Redactor) -> dict[str, str]:
    """Return the worker's variables that a server's process gets; those that may hold keys are masked from now on.

    Raises:
        ApplicationError: One is not set.
    """
    given = {variable: _variable(name, variable) for variable in config.env_from}
    for variable, value in given.items():
        if is_key(variable, value):
            redactor.add(value)
    return given


def is_key(variable: str, value: str) -> bool:
    """Return whether a variable that a server's process gets may hold a key."""
    return len(value) >= _SHORTEST_KEY and not _NO_KEYS.fullmatch(variable)


def _variable(name: str, variable: str) -> str:
    try:
        return os.environ[variable]
    except KeyError:
        raise unusable_server(name, f"the worker has no variable {variable}") from None


def _token(name: str, content: str) -> str:
    """Return the token of a file: all of it, or ``access_token`` of the JSON of OAuth clients (RFC 6749, 5.1)."""
    if not content.startswith("{"):
        return content
    try:
        token = json.loads(content).get("access_token")
    except ValueError:
        token = None
    if not isinstance(token, str) or not token:
        raise unusable_server(name, "its token is JSON without a text access_token")
    return token


def _secret(name: str, what: str, *, file: Path | None = None, command: tuple[str, ...] | None = None) -> str:
    try:
        return read_secret(f"its {what}", file=file, command=command)
    except SetupError as error:
        raise unusable_server(name, str(error)) from error

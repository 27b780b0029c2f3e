"""The keys that MCP servers get: read anew for each session, because files and variables change."""

import json
import os
import re
from pathlib import Path
from typing import Final

from perdure.config.settings import HttpServer, StdioServer
from perdure_orchestrator.agents.redaction import Redactor
from perdure_orchestrator.agents.server_errors import unusable_server

__all__ = ["is_key", "server_headers", "server_variables"]

_SHORTEST_KEY: Final = 8  # characters
_NO_KEYS: Final = re.compile("PATH|HOME|USER|LOGNAME|SHELL|TERM|PWD|TMPDIR|TZ|LANG|LANGUAGE|LC_.*")


def server_headers(name: str, config: HttpServer, redactor: Redactor) -> dict[str, str]:
    """Return the headers of all requests to a server; those from files and variables are masked from now on.

    Raises:
        ApplicationError: A file or variable cannot be read.
    """
    read = {header: _content(name, file, header) for header, file in config.header_files.items()}
    read |= {header: _variable(name, variable) for header, variable in config.header_variables.items()}
    headers = {**config.headers, **{header: redactor.add(value) for header, value in read.items()}}
    if config.token_file is not None:
        token = _token(name, _content(name, config.token_file, "token_file"))
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
        raise unusable_server(name, "its token_file is JSON without a text access_token")
    return token


def _content(name: str, file: Path, what: str) -> str:
    try:
        return file.read_text().strip()
    except (OSError, ValueError) as error:
        raise unusable_server(name, f"its {what} cannot be read ({error})") from error

"""The keys that MCP servers get: read anew for each session, because files and variables change."""

import os
from pathlib import Path

from perdure.config.settings import HttpServer
from perdure_orchestrator.agents.redaction import Redactor
from perdure_orchestrator.agents.server_errors import unusable_server

__all__ = ["server_headers", "variable_of"]


def server_headers(name: str, config: HttpServer, redactor: Redactor) -> dict[str, str]:
    """Return the headers of all requests to a server; those from files and variables are masked from now on.

    Raises:
        ApplicationError: A file or variable cannot be read.
    """
    read = {header: _content(name, file, header) for header, file in config.header_files.items()}
    read |= {header: variable_of(name, variable) for header, variable in config.header_variables.items()}
    headers = {**config.headers, **{header: redactor.add(value) for header, value in read.items()}}
    if config.token_file is not None:
        headers["Authorization"] = f"Bearer {redactor.add(_content(name, config.token_file, 'token_file'))}"
    elif config.token_variable is not None:
        headers["Authorization"] = f"Bearer {redactor.add(variable_of(name, config.token_variable))}"
    return headers


def variable_of(name: str, variable: str) -> str:
    """Return the value of one of the worker's variables.

    Raises:
        ApplicationError: It is not set.
    """
    try:
        return os.environ[variable]
    except KeyError:
        raise unusable_server(name, f"the worker has no variable {variable}") from None


def _content(name: str, file: Path, what: str) -> str:
    try:
        return file.read_text().strip()
    except (OSError, ValueError) as error:
        raise unusable_server(name, f"its {what} cannot be read ({error})") from error

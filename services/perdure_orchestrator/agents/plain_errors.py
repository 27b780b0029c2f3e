"""What mcp's client, its transports and pydantic raise, as one line for people."""

from __future__ import annotations

import re
from typing import Final

from temporalio.exceptions import ApplicationError

from perdure.config.settings import HttpServer, StdioServer
from perdure.errors import Unavailable
from perdure_orchestrator.agents.redaction import Redactor
from perdure_orchestrator.agents.server_errors import unusable_server
from perdure_orchestrator.agents.server_transports import Observed, ServerConfig

__all__ = ["opening_error", "plain_text"]

_LONGEST: Final = 300  # characters
_PYDANTIC: Final = re.compile(r": \d+ validation errors? for .*", re.DOTALL)
_NO_REASON: Final = "Server returned an error response"  # mcp's client about an HTTP error without a reason


def plain_text(error: BaseException, observed: Observed) -> str:
    """Return one line that says what happened."""
    from pydantic import ValidationError  # noqa: PLC0415 (loaded by mcp in any case)

    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        return f"its answer is no {error.title} ({place}: {first['msg']})"
    text = _PYDANTIC.sub("", str(error)).partition("\n")[0][:_LONGEST]
    if text == _NO_REASON:
        return observed.http_errors.status() or text
    return text or type(error).__name__


async def opening_error(
    name: str, config: ServerConfig, error: BaseException, observed: Observed, redactor: Redactor
) -> Exception:
    """Return the error for a session that could not be opened.

    Args:
        name: The server's name.
        config: Its configuration.
        error: What was raised; of a group, the first counts.
        observed: What else is known.
        redactor: Masks the worker's keys.
    """
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, ApplicationError):
        return error
    if reason := _unusable(config, error, observed):
        return unusable_server(name, redactor.redact(reason))
    if http_error := observed.http_errors.to_error(name, opening=True):
        return http_error
    reason = await observed.own_end()
    if reason is None:
        reason = redactor.redact(_reason(error, observed)) + observed.words.sentence()
    return Unavailable(f"The MCP server {name} does not start: {reason}")


def _reason(error: BaseException, observed: Observed) -> str:
    import httpx2  # noqa: PLC0415 (as slow as mcp's client, which loads it)

    text = plain_text(error, observed)
    return f"it cannot be reached ({text})" if isinstance(error, httpx2.TransportError) else text


def _unusable(config: ServerConfig, error: BaseException, observed: Observed) -> str | None:
    """Return what the operator has to mend, if no other attempt can succeed."""
    if isinstance(config, StdioServer) and observed.process is None:
        if isinstance(error, OSError):
            return _not_started(config, error)
        if isinstance(error, ValueError):
            return f"its command cannot be executed ({error})"
    if isinstance(config, HttpServer):
        import httpx2  # noqa: PLC0415 (as above)

        if isinstance(error, httpx2.UnsupportedProtocol | httpx2.InvalidURL | OverflowError):
            return f"its url {config.url} is none ({plain_text(error, observed)})"
        if isinstance(error, UnicodeEncodeError | httpx2.LocalProtocolError):
            return f"its headers cannot be sent ({plain_text(error, observed)})"
    return None


def _not_started(config: StdioServer, error: OSError) -> str:
    if config.cwd is not None and not config.cwd.is_dir():
        return f"its cwd {config.cwd} is no folder"
    if isinstance(error, FileNotFoundError) and "/" not in config.command:
        return f"its command {config.command} cannot be executed (no such program in the worker's PATH)"
    return f"its command {config.command} cannot be executed ({error.strerror or error})"

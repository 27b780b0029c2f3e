"""What goes wrong with an MCP server, told to a person and to Temporal: whether and when trying again can help."""

from __future__ import annotations

import time
from datetime import timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from temporalio.exceptions import ApplicationError

if TYPE_CHECKING:
    import httpx2

__all__ = ["Refusals", "is_unauthorized"]

_NOT_LET_IN: Final = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
_LATER: Final = {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}
_LONGEST_WAIT: Final = 3600.0  # seconds; a server that asks for more is asked again all the same


class Refusals:
    """What a server last refused over HTTP: of a status and its headers mcp's client tells nothing."""

    def __init__(self) -> None:
        self._last: httpx2.Response | None = None

    async def hear(self, response: httpx2.Response) -> None:
        """Look at an answer; a client's stream of notifications, which many servers refuse, is no call."""
        if response.request.method == "POST":
            self._last = response if response.is_error else None

    def meaning(self, name: str, *, opening: bool = False) -> ApplicationError | None:
        """Return what the step is to raise, if the status says more than that something failed."""
        if self._last is None:
            return None
        status, wait = self._last.status_code, self._last.headers.get("retry-after")
        if status in _NOT_LET_IN:
            return is_unauthorized(name, f"it answers HTTP {status}")
        if status == HTTPStatus.NOT_FOUND and opening:
            return is_unauthorized(name, "there is none at its url (HTTP 404)")
        if status in _LATER and wait:
            words = f"The MCP server {name} asks to be called later: HTTP {status}, retry-after {wait}"
            return ApplicationError(words, type="ToolServerOverloaded", next_retry_delay=_delay(wait))
        return None


def is_unauthorized(name: str, why: str) -> ApplicationError:
    """Return what to raise where only the operator can help."""
    return ApplicationError(
        f"The MCP server {name} cannot be used: {why}. Mend mcp.servers.{name} in perdure.yaml, or the token it names.",
        type="ToolServerRefused",
        non_retryable=True,
    )


def _delay(wait: str) -> timedelta | None:
    """Read the header, which has seconds or a date (RFC 9110, 10.2.3)."""
    try:
        seconds = float(wait) if wait.isdecimal() else parsedate_to_datetime(wait).timestamp() - time.time()
    except ValueError:
        return None
    return timedelta(seconds=min(max(seconds, 0), _LONGEST_WAIT))

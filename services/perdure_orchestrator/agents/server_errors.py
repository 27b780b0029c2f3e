"""HTTP errors of MCP servers as Temporal errors: whether and when to retry, and what a person can do about them."""

from __future__ import annotations

import time
from datetime import timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from temporalio.exceptions import ApplicationError

from perdure_orchestrator.agents.retry_delay import retry_delay

if TYPE_CHECKING:
    import httpx2

__all__ = ["SERVER_REFUSED", "HttpErrors", "unusable_server"]

SERVER_REFUSED: Final = "ToolServerRefused"
"""The type of an error that only the operator can mend."""

_SUBSCRIPTION: Final = "subscriptions/listen"
_UNAUTHORIZED: Final = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
_BUSY: Final = {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}


class HttpErrors:
    """The server's last HTTP error. mcp's client does not report its status and headers."""

    def __init__(self) -> None:
        self._last: httpx2.Response | None = None

    async def record(self, response: httpx2.Response) -> None:
        """Record the response to a call. Many servers refuse a stream of notifications, by a GET or a subscription."""
        request = response.request
        if request.method == "POST" and request.headers.get("mcp-method") != _SUBSCRIPTION:
            self._last = response if response.is_error else None

    def status(self) -> str | None:
        """Return the status as the beginning of a sentence; None if the last response was no error."""
        return None if self._last is None else f"it answers HTTP {self._last.status_code}{_sse(self._last)}"

    def to_error(self, server: str, *, opening: bool = False) -> ApplicationError | None:
        """Return the error for the step to raise, if the status decides about retries; else None."""
        if self._last is None:
            return None
        status, retry_after = self._last.status_code, self._last.headers.get("retry-after")
        if status in _UNAUTHORIZED:
            return unusable_server(server, f"it answers HTTP {status}")
        if status == HTTPStatus.NOT_FOUND and opening:
            return unusable_server(server, f"there is none at its url (HTTP 404){_sse(self._last)}")
        if status == HTTPStatus.METHOD_NOT_ALLOWED and opening:
            return unusable_server(server, f"its url takes no POST (HTTP 405){_sse(self._last)}")
        if status in _BUSY and retry_after:
            message = f"The MCP server {server} is busy: HTTP {status}, retry-after {retry_after}"
            return ApplicationError(message, type="ToolServerOverloaded", next_retry_delay=_delay(retry_after))
        return None


def _sse(response: httpx2.Response) -> str:
    """Return what may be the reason of a refused POST, as the end of a sentence; empty if the url gives no hint."""
    if response.status_code != HTTPStatus.METHOD_NOT_ALLOWED and not response.request.url.path.rstrip("/").endswith(
        "sse"
    ):
        return ""
    return "; perhaps it speaks the old SSE transport, which Perdure does not: use its streamable HTTP url"


def unusable_server(server: str, reason: str) -> ApplicationError:
    """Return the error for a server that only the operator can make usable: not retried."""
    return ApplicationError(
        f"The MCP server {server} cannot be used: {reason}. "
        f"Fix mcp.servers.{server} in perdure.yaml, or the token it names.",
        type=SERVER_REFUSED,
        non_retryable=True,
    )


def _delay(retry_after: str) -> timedelta | None:
    """Parse the header: seconds or a date (RFC 9110, 10.2.3)."""
    try:
        seconds = (
            float(retry_after)
            if retry_after.isdecimal()
            else parsedate_to_datetime(retry_after).timestamp() - time.time()
        )
    except ValueError:
        return None
    return retry_delay(seconds)

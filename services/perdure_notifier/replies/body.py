"""Reads request bodies up to a limit, because the senders are not authenticated yet."""

from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request

__all__ = ["read_body"]

_LARGEST: Final = 256 * 1024  # bytes; Slack's interaction payloads are far smaller


async def read_body(request: Request) -> bytes:
    """Return the body.

    Raises:
        HTTPException: The body is too large (413).
    """
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > _LARGEST:
            raise HTTPException(413, f"The body is too large. The limit is {_LARGEST} bytes.")
    return bytes(body)

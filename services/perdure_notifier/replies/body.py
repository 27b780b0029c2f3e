"""What a stranger may send: a body that is short enough to be looked at."""

from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request

__all__ = ["read_body"]

_LARGEST: Final = 256 * 1024  # bytes; what Slack sends of a message of ours is far below


async def read_body(request: Request) -> bytes:
    """Return the body.

    Raises:
        HTTPException: It is too large.
    """
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > _LARGEST:
            raise HTTPException(413, f"At most {_LARGEST} bytes.")
    return bytes(body)

"""Reads forms, up to a limit."""

from typing import Final
from urllib.parse import parse_qs

from starlette.exceptions import HTTPException
from starlette.requests import Request

__all__ = ["read_form"]

_LARGEST: Final = 512 * 1024  # bytes; the data of an event has at most 256 KiB
_MOST_FIELDS: Final = 200


async def read_form(request: Request) -> dict[str, str]:
    """Return the fields of a form; of a field that comes twice, the last.

    Raises:
        HTTPException: The body is too large (413), or is no form (400).
    """
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > _LARGEST:
            raise HTTPException(413, f"The form is too large: the limit is {_LARGEST:,} bytes.")
    try:
        fields = parse_qs(body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError as error:
        raise HTTPException(400, "This is no form.") from error
    return {name: values[-1].replace("\r\n", "\n") for name, values in fields.items()}

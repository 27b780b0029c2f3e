"""The files of an exported record, on a web server that serves them as they are."""

from io import BytesIO
from typing import BinaryIO, Final

import httpx2

__all__ = ["HttpFiles"]

_WITHIN: Final = 30.0  # seconds
_ABSENT: Final = frozenset({403, 404, 410})  # object stores say 403 where one may not list


class HttpFiles:
    """The files below an address.

    Args:
        address: The address of the export, such as ``https://example.com/record``.
    """

    def __init__(self, address: str) -> None:
        self.address = address.rstrip("/")
        self._client: httpx2.Client | None = None

    def __getstate__(self) -> dict[str, object]:
        return {"address": self.address, "_client": None}  # another process connects anew

    def open(self, path: str) -> BinaryIO:
        """Fetch a file.

        Raises:
            FileNotFoundError: There is none.
            OSError: The server does not answer, or not with the file.
        """
        if self._client is None:
            self._client = httpx2.Client(timeout=_WITHIN, follow_redirects=True)
        try:
            found = self._client.get(f"{self.address}/{path}")
        except httpx2.HTTPError as error:
            raise OSError(f"{self.address}/{path} cannot be fetched: {error}") from error
        if found.status_code in _ABSENT:
            raise FileNotFoundError(f"{self.address}/{path}")
        if not found.is_success:
            raise OSError(f"{self.address}/{path} cannot be fetched: the server answers {found.status_code}")
        return BytesIO(found.content)

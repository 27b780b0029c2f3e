"""Files in results of tools: images, sounds, documents."""

import binascii
from base64 import b64decode
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import NonNegativeInt

from perdure.flow.payload import Payload
from perdure.values.size_text import size_text

__all__ = ["StoredFile", "ToolFile", "tool_files"]

_UNKNOWN: Final = "application/octet-stream"
_NOUNS: Final = {"image": "an image", "audio": "a sound", "video": "a video"}


@dataclass(frozen=True, slots=True)
class ToolFile:
    """A file in a tool's result.

    Attributes:
        media_type: Such as ``image/png``, as the server says.
        data: Its bytes.
        uri: Of an embedded resource; None otherwise.
    """

    media_type: str
    data: bytes = field(repr=False)
    uri: str | None = None


class StoredFile(Payload):
    """A file that only a model reads: it is stored, and the run's history has its name.

    Attributes:
        media_type: Such as ``image/png``.
        size: In bytes.
        stored_as: The name under which its bytes are stored.
    """

    media_type: str
    size: NonNegativeInt
    stored_as: str

    @property
    def description(self) -> str:
        """What it is, in words."""
        noun = _NOUNS.get(self.media_type.partition("/")[0], "a file")
        return f"{noun}, {self.media_type}, {size_text(self.size)}"

    @property
    def line(self) -> str:
        """Stands for it in the text of its result."""
        return f"({self.description}, stored as {self.stored_as})"


def tool_files(parts: Iterable[Mapping[str, Any]]) -> Iterator[ToolFile]:
    """Yield the files in parts of a result in MCP's JSON; not those whose data is no base64."""
    for part in parts:
        inner = part.get("resource", part)
        try:
            data = b64decode(inner.get("data", inner.get("blob", "")), validate=True)
        except (binascii.Error, ValueError):
            continue
        if data:
            yield ToolFile(inner.get("mimeType") or _UNKNOWN, data, inner.get("uri"))

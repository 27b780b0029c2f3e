"""Media types of files that tools return: what they really are, and whether any model reads files like them."""

from collections.abc import Mapping
from typing import Final

from perdure.flow.files import ToolFile

__all__ = ["is_text", "media_type_of", "models_read"]

_USUAL: Final[Mapping[str, str]] = {
    "image/jpg": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    "image/x-png": "image/png",
    "audio/mp3": "audio/mpeg",
    "audio/wave": "audio/wav",
    "audio/x-wav": "audio/wav",
    "audio/vnd.wave": "audio/wav",
    "application/x-pdf": "application/pdf",
}
_SIGNATURES: Final[Mapping[bytes, str]] = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
    b"%PDF-": "application/pdf",
}
_TEXT_ENDINGS: Final = ("json", "xml", "yaml", "javascript", "toml", "csv", "x-sh")  # of application/…, or after a +


def media_type_of(file: ToolFile) -> str:
    """Return a file's media type: by its first bytes where these are known, because providers compare."""
    for signature, media_type in _SIGNATURES.items():
        if file.data.startswith(signature):
            return media_type
    if file.data[:4] == b"RIFF" and file.data[8:12] == b"WEBP":
        return "image/webp"
    named = file.media_type.partition(";")[0].strip().lower()
    return _USUAL.get(named, named)


def is_text(media_type: str) -> bool:
    """Return whether such a file is text, also where its type says that it is a picture (SVG)."""
    return media_type.startswith("text/") or media_type.rpartition("/")[2].rpartition("+")[2] in _TEXT_ENDINGS


def models_read(media_type: str) -> bool:
    """Return whether there are models that read such files."""
    return media_type.partition("/")[0] in {"image", "audio", "video"} or media_type == "application/pdf"

"""Reads the lines of a compressed file, and notices where it was cut."""

from collections.abc import Iterator
from typing import BinaryIO, Final

import zstandard

__all__ = ["zst_lines"]

_AT_ONCE: Final = 4096  # bytes: a few hundred times as many come out of it at most, unless somebody made them
_LONGEST: Final = 64 * 1024 * 1024  # bytes of a line: that of a message of 8 MiB has about 11


def zst_lines(file: BinaryIO) -> Iterator[bytes]:
    """Yield the lines of a file, without their newlines.

    Raises:
        ValueError: It is cut, is not compressed, or has a line of more than 64 MiB.
    """
    plain = zstandard.ZstdDecompressor().decompressobj()
    parts: list[bytes] = []  # of the line that goes on
    size = 0
    while chunk := file.read(_AT_ONCE):
        first, *more = _decompressed(plain, chunk).split(b"\n")
        parts.append(first)
        if not more:
            if (size := size + len(first)) > _LONGEST:
                raise ValueError(f"A line has more than {_LONGEST} bytes.")
            continue
        yield b"".join(parts)
        yield from more[:-1]
        parts, size = [more[-1]], len(more[-1])
    if not plain.eof or any(parts):
        raise ValueError("The file was cut.")


def _decompressed(plain: "zstandard.ZstdDecompressionObj", chunk: bytes) -> bytes:
    try:
        return plain.decompress(chunk)
    except zstandard.ZstdError as error:
        raise ValueError(f"It is not compressed: {error}") from error

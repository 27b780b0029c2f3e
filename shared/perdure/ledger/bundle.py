"""Entries in bundles of 256 (C2SP tlog-tiles): each after its length, so that a log can be read as static files."""

from collections.abc import Iterable

__all__ = ["BadBundle", "bundle_of", "entries_of"]

_LENGTH = 2  # bytes


class BadBundle(ValueError):
    """Bytes are no bundle of entries."""


def bundle_of(entries: Iterable[bytes]) -> bytes:
    """Return the bundle of entries, each of at most 65,535 bytes."""
    return b"".join(len(entry).to_bytes(_LENGTH, "big") + entry for entry in entries)


def entries_of(bundle: bytes) -> list[bytes]:
    """Return the entries of a bundle.

    Raises:
        BadBundle: The last entry is not whole.
    """
    entries, at = [], 0
    while at < len(bundle):
        first = at + _LENGTH
        at = first + int.from_bytes(bundle[at:first], "big")
        entries.append(bundle[first:at])
    if at != len(bundle):
        raise BadBundle("The last entry of the bundle is cut.")
    return entries

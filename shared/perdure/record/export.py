"""Reads an exported record: its leaves in order, what is kept of their messages, checkpoints and keys."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pydantic import ValidationError

from perdure.ledger import BadNote, Kept, Leaf, Verifier
from perdure.ledger.bundle import BadBundle, entries_of
from perdure.ledger.tiles import WIDTH, TileKey, tile_path
from perdure.record.export_files import ExportFiles
from perdure.record.kept_line import read_kept_line
from perdure.record.layout import (
    CHECKPOINTS,
    KEYS,
    LEAVES_A_FILE,
    MANIFEST,
    VERSION,
    DamagedExport,
    Manifest,
    bundle_path,
    records_path,
    width_of,
)
from perdure.record.zst_lines import zst_lines

__all__ = ["Export", "PublishedNote"]

_HASH: Final = 32  # bytes


@dataclass(frozen=True, slots=True)
class PublishedNote:
    """A signed checkpoint as the bus stored it.

    Attributes:
        sequence: Its sequence in CHECKPOINTS.
        stored_at: When the bus stored it (UTC).
        note: The signed note.
    """

    sequence: int
    stored_at: datetime
    note: str


class Export:
    """An exported record.

    Args:
        files: Where it lies.

    Attributes:
        ledger: Name of the ledger.
        size: Leaves that it has.

    Raises:
        FileNotFoundError: No export lies there.
        DamagedExport: Its manifest cannot be read.
        OSError: The files cannot be reached.
    """

    def __init__(self, files: ExportFiles) -> None:
        self.files = files
        try:
            manifest = Manifest.model_validate_json(self.read(MANIFEST))
        except ValidationError as error:
            raise DamagedExport(MANIFEST, "does not tell how far the export goes") from error
        if manifest.version != VERSION:
            raise DamagedExport(MANIFEST, f"has version {manifest.version}, and only {VERSION} can be read")
        self.ledger, self.size = manifest.ledger, manifest.size

    @property
    def parts(self) -> int:
        """How many files of records there are."""
        return -(-self.size // LEAVES_A_FILE)

    def read(self, path: str) -> bytes:
        """Return a file.

        Raises:
            FileNotFoundError: There is none.
        """
        with self.files.open(path) as file:
            return file.read()

    def leaves(self) -> Iterator[list[Leaf]]:
        """Yield all leaves in order, in lists.

        Raises:
            DamagedExport: A file is not there, or is not what an export writes.
        """
        for number in range(self.parts):
            yield from self.part(number)

    def records(self) -> Iterator[tuple[int, Kept]]:
        """Yield what is kept of each message, with the index of its leaf, in order.

        Raises:
            DamagedExport: A file is not there, or is not what an export writes.
        """
        for number in range(self.parts):
            yield from self.kept(number)

    def part(self, number: int) -> Iterator[list[Leaf]]:
        """Yield the leaves of one file of records, in lists of at most 256.

        Raises:
            DamagedExport: A file is not there, or is not what an export writes.
        """
        kept = self.kept(number)
        following = next(kept, None)
        first = number * LEAVES_A_FILE
        for bundle in range(first // WIDTH, -(-min(first + LEAVES_A_FILE, self.size) // WIDTH)):
            leaves: list[Leaf] = []
            for leaf, entry in enumerate(self.entries(bundle), bundle * WIDTH):
                mine = following is not None and following[0] == leaf
                if entry:  # an empty one stands where the database had no leaf
                    leaves.append((leaf, entry, following[1] if mine and following else None))
                if mine:
                    following = next(kept, None)
            yield leaves

    def entries(self, bundle: int) -> list[bytes]:
        """Return the entries of a bundle.

        Raises:
            DamagedExport: It is not there, or not whole.
        """
        width = width_of(bundle, self.size)
        path = bundle_path(bundle, width)
        try:
            entries = entries_of(self._read_tile(path, bundle_path(bundle)))[:width]
        except BadBundle as error:
            raise DamagedExport(path, "is no bundle of entries") from error
        if len(entries) < width:
            raise DamagedExport(path, f"has {len(entries)} entries, not {width}")
        return entries

    def kept(self, number: int) -> Iterator[tuple[int, Kept]]:
        """Yield what is kept of the messages of one file of records, with the indices of their leaves, in order.

        Raises:
            DamagedExport: It is not there, or is not what an export writes.
        """
        path, before = records_path(number), number * LEAVES_A_FILE - 1
        end = min(before + 1 + LEAVES_A_FILE, self.size)
        try:
            with self.files.open(path) as file:
                for line in zst_lines(file):
                    leaf, kept = read_kept_line(line)
                    if leaf <= before:
                        raise DamagedExport(path, f"has leaf {leaf} after leaf {before}")
                    if leaf >= end:
                        return
                    yield leaf, kept
                    before = leaf
        except FileNotFoundError as error:
            raise DamagedExport(path, "is not there") from error
        except ValueError as error:
            raise DamagedExport(path, f"cannot be read after leaf {before}") from error

    def checkpoints(self) -> list[PublishedNote]:
        """Return all checkpoints that it has, oldest first.

        Raises:
            DamagedExport: Their file cannot be read.
        """
        try:
            found = [json.loads(line) for line in self.read(CHECKPOINTS).splitlines()]
            return [PublishedNote(it["sequence"], datetime.fromisoformat(it["stored_at"]), it["note"]) for it in found]
        except FileNotFoundError:
            return []
        except (ValueError, KeyError, TypeError) as error:
            raise DamagedExport(CHECKPOINTS, "is no list of checkpoints") from error

    def keys(self) -> list[Verifier]:
        """Return the verifier keys that lie beside it: claims of whoever handed it over.

        Raises:
            DamagedExport: Their file cannot be read.
        """
        try:
            return [Verifier.parse(line) for line in self.read(KEYS).decode().splitlines()]
        except FileNotFoundError:
            return []
        except (BadNote, UnicodeError) as error:
            raise DamagedExport(KEYS, "is no list of verifier keys") from error

    def tile(self, key: TileKey, width: int) -> bytes:
        """Return the first hashes of a tile, at most so many; empty if there is none."""
        try:
            return self._read_tile(tile_path(*key, width), tile_path(*key))[: width * _HASH]
        except DamagedExport:
            return b""

    def _read_tile(self, path: str, full: str) -> bytes:
        """Return a partial tile or the full one, by which it may have been replaced."""
        for one in dict.fromkeys((path, full)):
            try:
                return self.read(one)
            except FileNotFoundError:
                continue
        raise DamagedExport(path, "is not there")

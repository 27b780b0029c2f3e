"""Writes an export: each file at once or not at all, and the manifest last, so that a killed export is only shorter."""

import json
from collections.abc import Iterable, Iterator, Sequence
from fcntl import LOCK_EX, LOCK_NB, flock
from os import sync
from pathlib import Path
from typing import Final, Self

from perdure.config.replace_file import replace_file
from perdure.errors import Conflict
from perdure.ledger import GrowingTree, Leaf, Verifier, edge_tiles, leaf_hash, tile_path
from perdure.ledger.bundle import bundle_of, entries_of
from perdure.ledger.tiles import FULL, WIDTH, TileKey
from perdure.record.export import Export, PublishedNote
from perdure.record.export_files import FolderFiles
from perdure.record.layout import (
    BEFORE_MANIFEST,
    CHECKPOINT,
    CHECKPOINTS,
    KEYS,
    LEAVES_A_FILE,
    MANIFEST,
    Manifest,
    bundle_path,
)
from perdure.record.records_writer import RecordsWriter
from perdure.record.write_file import write_file

__all__ = ["ExportWriter"]

_HASH: Final = 32  # bytes
_DIGITS: Final = 20  # of a size
_LOCK: Final = ".lock"


class ExportWriter:
    """Adds leaves to an export.

    Args:
        folder: Where it lies; made if it is missing.
        ledger: Name of the ledger.

    Raises:
        Conflict: The folder has another ledger, other files, or another process exports into it.
        DamagedExport: What is there cannot be read.
        OSError: It cannot be written.
    """

    def __init__(self, folder: Path, ledger: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._ledger = folder, ledger
        self._tree = GrowingTree()
        self._edge: dict[TileKey, bytes] = {}
        self._entries: list[bytes] = []  # after the last full bundle
        self._hashes: list[bytes] = []  # of leaves that are not in the tree yet: many at once cost less
        self._notes: list[PublishedNote] = []
        self._partial: set[str] = set()  # paths of partial tiles
        self._finished = 0
        self._records = RecordsWriter(folder)
        self._lock = (folder / _LOCK).open("w")
        try:
            self._open()
        except BaseException:
            self.__exit__()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._records.abandon()
        self._lock.close()

    @property
    def size(self) -> int:
        """Leaves that were written."""
        return self._tree.size + len(self._hashes)

    @property
    def unfinished(self) -> int:
        """Leaves that were written and are not part of the export yet."""
        return self.size - self._finished

    @property
    def edge(self) -> list[bytes]:
        """The last tile of each level; absent ones are empty."""
        return [self._edge.get(key, b"") for key, _ in edge_tiles(self.size)]

    def size_of(self, notes: Sequence[PublishedNote]) -> int:
        """Return the size of the newest of these checkpoints; 0 if there is none."""
        return _size_in(notes[-1].note) if notes else 0

    def newest(self) -> PublishedNote | None:
        """Return the newest checkpoint that lies there."""
        return self._notes[-1] if self._notes else None

    def add(self, leaves: Iterable[Leaf]) -> None:
        """Write the next leaves; where one is missing in between, an empty entry keeps its place."""
        for leaf, entry, kept in leaves:
            for missing in range(self.size, leaf):
                self._append(b"")
                self._records.add(missing, None)
            self._append(entry)
            self._records.add(leaf, kept)

    def finish(self, notes: Sequence[PublishedNote], keys: Sequence[Verifier]) -> None:
        """Write what is partial, the checkpoints and keys; only now the leaves that were added are part of it.

        Args:
            notes: Checkpoints, oldest first; one that the export has is not added again.
            keys: The verifier keys of the ledger.
        """
        self._grow()
        self._records.end()
        last = self._notes[-1].sequence if self._notes else 0
        self._notes += [note for note in notes if note.sequence > last]
        partial = self._write_partial(self.size)
        if self._notes:
            partial |= self._write_partial(min(self.size, _size_in(self._notes[-1].note)))
            self._write(CHECKPOINTS, b"".join(map(_line, self._notes)))
            self._write(CHECKPOINT, self._notes[-1].note.encode())
        if keys:
            self._write(KEYS, "".join(f"{key}\n" for key in keys).encode())
        sync()
        manifest = Manifest(ledger=self._ledger, size=self.size)
        replace_file(self._folder / MANIFEST, manifest.model_dump_json().encode() + b"\n")
        for path in self._partial - partial:
            (self._folder / path).unlink(missing_ok=True)
        self._partial, self._finished = partial, self.size

    def _open(self) -> None:
        try:
            flock(self._lock, LOCK_EX | LOCK_NB)
        except BlockingIOError as error:
            raise Conflict(f"Another process exports into {self._folder}.") from error
        try:
            export = Export(FolderFiles(self._folder))
        except FileNotFoundError:
            self._refuse_other_files()
            return
        if export.ledger != self._ledger:
            raise Conflict(f"{self._folder} has the ledger {export.ledger}, not {self._ledger}: export elsewhere.")
        self._go_on(export)

    def _refuse_other_files(self) -> None:
        others = {it.name for it in self._folder.iterdir() if not it.name.startswith(".")} - BEFORE_MANIFEST
        if others:
            raise Conflict(
                f"{self._folder} holds other files ({', '.join(sorted(others)[:3])}) and no export: "
                "name a folder that is empty or not there."
            )

    def _go_on(self, export: Export) -> None:
        """Read what grows: the last tiles, the last bundle and the last file of records."""
        self._edge = {key: _tile(export, key, width) for key, width in edge_tiles(export.size)}
        self._finished = export.size
        self._tree = GrowingTree(export.size, list(self._edge.values()))
        self._notes = export.checkpoints()
        sizes = {export.size, *(min(export.size, _size_in(it.note)) for it in self._notes[-1:])}
        self._partial = {path for size in sizes for path, _, _ in _partial_tiles(size)}
        if export.size % WIDTH:
            self._entries = export.entries(export.size // WIDTH)
        if export.size % LEAVES_A_FILE:
            self._records.begin_with(export.kept(export.size // LEAVES_A_FILE))

    def _append(self, entry: bytes) -> None:
        self._entries.append(entry)
        self._hashes.append(leaf_hash(entry))
        if self.size % WIDTH == 0:
            self._write(bundle_path(self.size // WIDTH - 1), bundle_of(self._entries))
            self._entries.clear()
            self._grow()

    def _grow(self) -> None:
        changed = self._tree.append(self._hashes)
        self._hashes.clear()
        for key, tile in changed.items():
            if len(tile) == FULL:
                self._write(tile_path(*key), tile)
                self._edge.pop(key, None)
            else:
                self._edge[key] = tile

    def _write_partial(self, size: int) -> set[str]:
        """Write the partial tiles of a tree of this size, ours or that of a checkpoint; return their paths."""
        paths = set()
        for path, key, width in _partial_tiles(size):
            if key is None:
                self._write(path, bundle_of(self._bundle(size // WIDTH)[:width]))
            else:
                tile = self._edge.get(key) or (self._folder / tile_path(*key)).read_bytes()
                self._write(path, tile[: width * _HASH])
            paths.add(path)
        return paths

    def _bundle(self, number: int) -> list[bytes]:
        if number == self.size // WIDTH:
            return self._entries
        return entries_of((self._folder / bundle_path(number)).read_bytes())

    def _write(self, path: str, content: bytes) -> None:
        write_file(self._folder / path, content)


def _partial_tiles(size: int) -> Iterator[tuple[str, TileKey | None, int]]:
    """Yield path, key and width of each partial tile of a tree; None is the key of the bundle of entries."""
    for key, width in edge_tiles(size):
        if width:
            yield tile_path(*key, width), key, width
    if size % WIDTH:
        yield bundle_path(size // WIDTH, size % WIDTH), None, size % WIDTH


def _tile(export: Export, key: TileKey, width: int) -> bytes:
    return export.tile(key, width) if width else b""


def _size_in(note: str) -> int:
    """Return the size in the text of a checkpoint; 0 if it has none."""
    size = note.split("\n")[1:2]
    return int(size[0]) if size and size[0].isdecimal() and len(size[0]) < _DIGITS else 0


def _line(note: PublishedNote) -> bytes:
    line = {"sequence": note.sequence, "stored_at": note.stored_at.isoformat(), "note": note.note}
    return json.dumps(line, ensure_ascii=False).encode() + b"\n"

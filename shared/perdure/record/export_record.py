"""A record in an export, read part by part."""

from collections.abc import AsyncIterator, Iterator
from itertools import chain

from perdure.ledger import Discrepancy, Examined, Leaf, TileKey, examine
from perdure.ledger.tiles import WIDTH, edge_tiles
from perdure.record.export import Export
from perdure.record.layout import LEAVES_A_FILE, DamagedExport

__all__ = ["ExportRecord"]


class ExportRecord:
    """The record in an export.

    Args:
        export: Where it lies.
    """

    def __init__(self, export: Export) -> None:
        self.export = export

    @property
    def size(self) -> int:
        """How many leaves it has."""
        return self.export.size

    @property
    def keeps_partial_tiles(self) -> bool:
        """Whether it keeps the tiles that are not full too."""
        return True

    @property
    def parts(self) -> int:
        """How many parts it has: files of records."""
        return self.export.parts

    def examined(self, part: int) -> Examined:
        """Examine the leaves of a part; a file that is damaged is a fault.

        Raises:
            OSError: A file cannot be reached.
        """
        try:
            return examine(chain.from_iterable(self.export.part(part)))
        except DamagedExport as damage:
            found = examine(self._entries(part))
            first = part * LEAVES_A_FILE
            text = f"{damage} The leaves from {first} to {min(first + LEAVES_A_FILE, self.size) - 1} are affected."
            found.faults = [Discrepancy("integrity", first, f"{text[:1].upper()}{text[1:]}")]
            return found

    def tiles(self, keys: set[TileKey]) -> dict[TileKey, bytes]:
        """Return the tiles with these keys that are there.

        Raises:
            OSError: A file cannot be reached.
        """
        widths = dict(edge_tiles(self.size))
        found = {key: self.export.tile(key, widths.get(key, WIDTH)) for key in keys}
        return {key: tile for key, tile in found.items() if tile}

    async def leaves(self) -> AsyncIterator[list[Leaf]]:
        """Yield all leaves in order, in lists.

        Raises:
            DamagedExport: A file is not there, or is not what an export writes.
            OSError: A file cannot be reached.
        """
        for leaves in self.export.leaves():
            yield leaves

    def _entries(self, part: int) -> Iterator[Leaf]:
        """Yield the leaves of the bundles that can be read."""
        first = part * LEAVES_A_FILE
        for bundle in range(first // WIDTH, -(-min(first + LEAVES_A_FILE, self.size) // WIDTH)):
            try:
                entries = self.export.entries(bundle)
            except DamagedExport:
                continue
            yield from ((leaf, entry, None) for leaf, entry in enumerate(entries, bundle * WIDTH) if entry)

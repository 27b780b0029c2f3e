"""Where things lie in an exported record. The tree and its entries lie as C2SP tlog-tiles wants them.

```
checkpoint                      the newest signed note
checkpoints.jsonl               every checkpoint that is known, with its place on the bus
keys                            the ledger's verifier keys, one a line
tile/<level>/<number>           tiles of the tree
tile/entries/<number>           bundles of 256 entries
records/<number>.jsonl.zst      what is kept of each message, one a line, 16,384 leaves a file
export.json                     how far the export goes
```
"""

from dataclasses import dataclass
from typing import Final

from pydantic import BaseModel, ConfigDict, NonNegativeInt

from perdure.ledger.tiles import WIDTH, tile_path

__all__ = [
    "BEFORE_MANIFEST",
    "CHECKPOINT",
    "CHECKPOINTS",
    "KEYS",
    "LEAVES_A_FILE",
    "MANIFEST",
    "DamagedExport",
    "Manifest",
    "bundle_path",
    "records_path",
    "width_of",
]

CHECKPOINT: Final = "checkpoint"
CHECKPOINTS: Final = "checkpoints.jsonl"
KEYS: Final = "keys"
MANIFEST: Final = "export.json"
BEFORE_MANIFEST: Final = frozenset({CHECKPOINT, CHECKPOINTS, KEYS, "tile", "records"})
"""What lies in the folder of an export that was killed before its first manifest."""
LEAVES_A_FILE: Final = 64 * WIDTH
"""Leaves of which a file of records tells: those of 64 bundles."""
VERSION: Final = 1


class Manifest(BaseModel):
    """How far an export goes: what lies beyond was being written, and is not part of it.

    Attributes:
        version: Of this layout.
        ledger: Name of the ledger.
        size: Leaves that it has.
    """

    model_config = ConfigDict(frozen=True)

    version: int = VERSION
    ledger: str
    size: NonNegativeInt


@dataclass
class DamagedExport(Exception):
    """A file of an export is not there, or is not what an export writes.

    Attributes:
        path: Of the file, from the folder of the export.
        reason: What is wrong with it.
    """

    path: str
    reason: str

    def __str__(self) -> str:
        """Return both as a sentence."""
        return f"{self.path} {self.reason}."


def width_of(number: int, size: int) -> int:
    """Return how many of the 256 entries of a bundle a ledger of this size has."""
    return max(0, min(WIDTH, size - number * WIDTH))


def bundle_path(number: int, width: int = WIDTH) -> str:
    """Return where a bundle of entries lies."""
    return tile_path("entries", number, width)


def records_path(number: int) -> str:
    """Return where what is kept of the leaves from ``number * LEAVES_A_FILE`` on lies."""
    return f"records/{number:06}.jsonl.zst"

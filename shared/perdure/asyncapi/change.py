"""One difference between two schemas of a message, and whom it breaks."""

from dataclasses import dataclass
from typing import Final, Literal

__all__ = ["BOTH", "NOBODY", "READERS", "WRITERS", "Change"]

Party = Literal["readers", "writers"]

NOBODY: Final = frozenset[Party]()
READERS: Final = frozenset[Party]({"readers"})
WRITERS: Final = frozenset[Party]({"writers"})
BOTH: Final = READERS | WRITERS


@dataclass(frozen=True, slots=True)
class Change:
    """What became of one field.

    Attributes:
        at: The field, dotted from the body's root; empty for the body itself.
        what: What it does now, from the verb on.
        breaks: Who stumbles over it if they go by the old schema.
    """

    at: str
    what: str
    breaks: frozenset[Party]

    def __str__(self) -> str:
        """Say it in a sentence without a full stop."""
        whom = f": breaks old {' and '.join(sorted(self.breaks))}" if self.breaks else ""
        return f"{self.at or 'the body'} {self.what}{whom}"

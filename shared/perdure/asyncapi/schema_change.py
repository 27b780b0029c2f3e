"""One difference between two schemas of a message, and whom it breaks."""

from dataclasses import dataclass
from typing import Final, Literal

__all__ = ["BOTH", "NOBODY", "READERS", "WRITERS", "SchemaChange"]

Party = Literal["readers", "writers"]

NOBODY: Final = frozenset[Party]()
READERS: Final = frozenset[Party]({"readers"})
WRITERS: Final = frozenset[Party]({"writers"})
BOTH: Final = READERS | WRITERS


@dataclass(frozen=True, slots=True)
class SchemaChange:
    """One change of one field.

    Attributes:
        path: The field, dotted from the body's root; empty for the body itself.
        what: What changed, as a predicate: "is required now".
        breaks: Programs that break if they rely on the old schema.
    """

    path: str
    what: str
    breaks: frozenset[Party]

    def __str__(self) -> str:
        """Return a sentence without a full stop."""
        effect = f": breaks old {' and '.join(sorted(self.breaks))}" if self.breaks else ""
        return f"{self.path or 'the body'} {self.what}{effect}"

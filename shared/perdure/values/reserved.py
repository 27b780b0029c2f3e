"""Names that users may not use: those that begin with ``perdure`` are Perdure's own."""

from typing import Final

__all__ = ["RESERVED_PREFIX", "is_reserved", "reserved_text"]

RESERVED_PREFIX: Final = "perdure"
"""How the names of Perdure's signals, queries, updates, memo fields and Temporal headers begin."""


def is_reserved(name: str) -> bool:
    """Return whether a name is Perdure's own."""
    return name.startswith(RESERVED_PREFIX)


def reserved_text(kind: str, name: str) -> str:
    """Return the sentence that refuses a reserved name of a ``signal``, ``query``, ``memo field`` and so on."""
    return f"The {kind} {name} has a reserved name: names that begin with {RESERVED_PREFIX} are Perdure's own."

"""Groups records by a key."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import TypeVar

__all__ = ["group_by"]

Record = TypeVar("Record")


def group_by(records: Iterable[Record], key: Callable[[Record], str]) -> dict[str, list[Record]]:
    """Return the records by their key, each group in order."""
    grouped: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        grouped[key(record)].append(record)
    return grouped

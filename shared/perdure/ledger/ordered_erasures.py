"""Whether each erasure was ordered: content that is gone without an order on ADMIN was taken by somebody else."""

import json
from collections.abc import Iterator
from typing import Final

from perdure.ledger.discrepancy import Discrepancy
from perdure.ledger.kept import Kept

__all__ = ["OrderedErasures"]

_ORDERS: Final = "admin.erasure."


class OrderedErasures:
    """The erased records and the orders, in whatever order they come.

    Attributes:
        erased: The place of each record whose content is gone, by its leaf.
        ordered: The leaves that orders name.
    """

    def __init__(self) -> None:
        self.erased: dict[int, str] = {}
        self.ordered: set[int] = set()

    def take(self, leaf: int, kept: Kept) -> None:
        """Take what is kept of a message beside its leaf."""
        if kept.body is None:
            self.erased[leaf] = f"{kept.stream}:{kept.sequence}"
        elif kept.stream == "ADMIN" and kept.subject.startswith(_ORDERS):
            self.ordered |= _leaves_in(kept.body)

    def add(self, others: "OrderedErasures") -> None:
        """Take those of another part of the ledger."""
        self.erased |= others.erased
        self.ordered |= others.ordered

    def faults(self) -> Iterator[Discrepancy]:
        """Yield what was erased without an order."""
        for leaf, place in sorted(self.erased.items()):
            if leaf not in self.ordered:
                text = f"The content of {place}, leaf {leaf}, was erased, and no order on ADMIN names it."
                yield Discrepancy("integrity", leaf, text)


def _leaves_in(body: bytes) -> set[int]:
    """Return the leaves that an order names; none if it is no order."""
    try:
        order = json.loads(body)
        return {leaf for leaf in order["leaves"] if type(leaf) is int} if order["act"] == "ordered" else set()
    except (ValueError, KeyError, TypeError, RecursionError):
        return set()

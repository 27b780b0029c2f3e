"""Checkpoints of the ledger: what the audit service vouches for at an instant."""

from typing import Literal

from pydantic import NonNegativeInt

from perdure.contracts.message import Message, Sha256

__all__ = ["CheckpointSigned"]


class CheckpointSigned(Message):
    """The audit service signed the head of its ledger.

    Attributes:
        ledger: Name of the ledger.
        size: Leaves that it has.
        root: Root of the Merkle tree over them (RFC 6962), in hex.
        note: The signed checkpoint (C2SP tlog-checkpoint); the other fields repeat what it says.
    """

    type: Literal["checkpoints"] = "checkpoints"
    ledger: str
    size: NonNegativeInt
    root: Sha256
    note: str

    @property
    def address(self) -> tuple[str, ...]:
        """``<ledger>``."""
        return (self.ledger,)

    @property
    def message_id(self) -> str:
        """One for each head."""
        return f"checkpoint.{self.ledger}.{self.size}.{self.root}"

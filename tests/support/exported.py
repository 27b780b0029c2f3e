"""Writes exports of a record without a suite: of the messages that a bus holds."""

from collections.abc import AsyncIterator, Iterable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from perdure.bus import Bus, StoredMessage
from perdure.bus.topology import STREAMS
from perdure.ledger import Kept, Signer, record_entry
from perdure.record.export_writer import ExportWriter

__all__ = ["export_messages", "recorded_messages"]

LEDGER = "perdure"
SIGNER = Signer(LEDGER, Ed25519PrivateKey.from_private_bytes(bytes(32)))


async def recorded_messages(bus: Bus) -> AsyncIterator[StoredMessage]:
    """Yield what all streams hold that audit records."""
    for stream in STREAMS.values():
        if stream.name != "ADVISORIES":
            async for message in bus.read(stream.subjects):
                yield message


def export_messages(folder: Path, messages: Iterable[StoredMessage]) -> dict[str, int]:
    """Write an export in which each message is a leaf, in this order; return the leaves by place."""
    leaves: dict[str, int] = {}
    with ExportWriter(folder, LEDGER) as writer:
        for leaf, it in enumerate(messages):
            salt = leaf.to_bytes(32, "big")
            kept = Kept(it.stream, it.sequence, it.stored_at, it.raw.subject, it.raw.headers, it.raw.body, salt)
            writer.add([(leaf, record_entry(kept), kept)])
            leaves[f"{it.stream}:{it.sequence}"] = leaf
        writer.finish([], [SIGNER.verifier])
    return leaves

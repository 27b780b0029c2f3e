"""How long it takes to verify an export: ``python -m bench.ledger_export --leaves 1000000``.

The ledger is made up: messages of about 200 bytes with the headers that Perdure's publishers set, signed once in 1,000.
"""

import argparse
import os
import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from perdure.ledger import (
    Checkpoint,
    GrowingTree,
    Kept,
    KeyChain,
    Leaf,
    Signer,
    Witnessed,
    leaf_hash,
    read_checkpoint,
    record_entry,
    sign_checkpoint,
)
from perdure.record.export import Export, PublishedNote
from perdure.record.export_files import FolderFiles
from perdure.record.export_record import ExportRecord
from perdure.record.export_writer import ExportWriter
from perdure.record.verified import verified

BEGAN = datetime(2026, 11, 30, tzinfo=UTC)
STREAMS = ("EVENTS", "COMMANDS", "PROGRESS", "PROGRESS", "PROGRESS", "VERDICTS")
SIGNED_EVERY = 1000


def leaves(number: int) -> Iterator[Leaf]:
    """Yield the leaves of a made-up ledger."""
    chance = random.Random(24)  # noqa: S311 (the same ledger each time)
    sequences = dict.fromkeys(STREAMS, 0)
    for leaf in range(number):
        stream = chance.choice(STREAMS)
        sequences[stream] += 1
        headers = {
            "Nats-Msg-Id": f"progress.order-{leaf}.{leaf}",
            "ce-id": f"order-{leaf}.{leaf}",
            "ce-source": "perdure/orchestrator",
            "ce-specversion": "1.0",
            "ce-type": "progress",
            "ce-time": "2026-11-30T00:00:00Z",
            "content-type": "application/json",
            "traceparent": f"00-{chance.getrandbits(128):032x}-{chance.getrandbits(64):016x}-01",
            "perdure-schema": "2",
        }
        body = b'{"workflow_id":"order-%d","kind":"step_completed","step":"charge","result":"%s"}' % (leaf, b"x" * 120)
        stored_at = BEGAN + timedelta(milliseconds=leaf)
        subject = f"{stream.lower()}.Order.order-{leaf}"
        kept = Kept(stream, sequences[stream], stored_at, subject, headers, body, chance.randbytes(32))
        yield leaf, record_entry(kept), kept


def write(folder: Path, number: int) -> None:
    """Write the export of a made-up ledger."""
    signer = Signer("perdure", Ed25519PrivateKey.from_private_bytes(bytes(32)))
    tree = GrowingTree()
    notes: list[PublishedNote] = []
    batch: list[Leaf] = []
    with ExportWriter(folder, "perdure") as writer:
        for leaf in leaves(number):
            batch.append(leaf)
            if len(batch) == SIGNED_EVERY or leaf[0] == number - 1:
                tree.append(leaf_hash(entry) for _, entry, _ in batch)
                writer.add(batch)
                batch = []
                note = sign_checkpoint(Checkpoint("perdure", tree.size, tree.root()), signer)
                notes.append(PublishedNote(len(notes) + 1, BEGAN, note))
        writer.finish(notes, [signer.verifier])


def main() -> None:
    """Write an export and verify it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--leaves", type=int, default=100_000)
    parser.add_argument("--folder", type=Path, help="Keep the export here, and use it again.")
    arguments = parser.parse_args()
    with TemporaryDirectory() as draft:
        folder: Path = arguments.folder or Path(draft)
        if not (folder / "export.json").exists():
            began = time.monotonic()
            write(folder, arguments.leaves)
            print(f"made and exported {arguments.leaves:,} leaves in {time.monotonic() - began:.1f} s")
        began = time.monotonic()
        export = Export(FolderFiles(folder))
        notes = [it.note for it in export.checkpoints()]
        heads = [Witnessed(read_checkpoint(note), "the export", note) for note in notes]
        verification, faults = verified(ExportRecord(export), heads, KeyChain(export.keys()[0]), lambda _: None)
        seconds, load = time.monotonic() - began, os.getloadavg()[0]
        assert not faults, faults
        assert verification.proven == export.size
        print(f"verified {export.size:,} leaves and {len(notes):,} checkpoints in {seconds:.1f} s (load {load:.1f})")


if __name__ == "__main__":
    main()

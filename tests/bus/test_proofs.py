"""The audit service proves that messages are in its ledger, at a cost that does not depend on how many are."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import event

from perdure.bus import Bus, MemoryBus, RawMessage, StoredMessage
from perdure.config.settings import Settings
from perdure.contracts import CheckpointSigned
from perdure.contracts.audit_proofs import AuditProofsFound, AuditProofsQuery
from perdure.ledger import (
    Checkpoint,
    GrowingTree,
    Kept,
    Signer,
    is_consistent,
    is_included,
    leaf_hash,
    open_checkpoint,
    record_entry,
    sign_checkpoint,
)
from perdure.ledger.tiles import FULL, TileKey
from perdure_audit.checkpoints import Checkpoints
from perdure_audit.proofs import Proofs
from perdure_audit.records import leaves, records, tiles
from perdure_audit.store import Store, open_store
from tests.support.ledger_keys import ledger_keys

BEGAN = datetime(2026, 11, 30, tzinfo=UTC)
SIGNER = Signer("perdure", Ed25519PrivateKey.from_private_bytes(bytes(32)))


def message(number: int, stream: str = "EVENTS", body: bytes | None = None) -> StoredMessage:
    raw = RawMessage("events.a", b"%d" % number if body is None else body, {"ce-id": "1"})
    return StoredMessage(raw, stream, number, BEGAN, pending=0)


@asynccontextmanager
async def ledger(settings: Settings, bus: Bus, count: int) -> AsyncIterator[tuple[Store, Proofs, Checkpoints]]:
    """Run a store with so many recorded messages, all of them signed."""
    async with open_store(settings) as store:
        signing = Checkpoints(store.engine, SIGNER.name, ledger_keys(settings.state, SIGNER), bus)
        await store.add([message(number) for number in range(1, count + 1)])
        await signing.sign()
        yield store, Proofs(store.engine, SIGNER.verifier, bus), signing


def assert_proven(found: AuditProofsFound) -> Checkpoint:
    """Verify each proof as whoever has the ledger's key does; return the checkpoint."""
    head, _ = open_checkpoint(found.checkpoint, [SIGNER.verifier])
    for proof in found.proofs:
        assert is_included(leaf_hash(proof.entry), proof.leaf, head.size, head.root, proof.path)
    return head


async def test_a_message_is_proven_to_the_newest_signed_checkpoint(audited: Settings, bus: Bus) -> None:
    async with ledger(audited, bus, 700) as (store, proofs, _):
        await store.add([message(701)])
        places = ("EVENTS:1", "EVENTS:257", "EVENTS:700", "EVENTS:701", "EVENTS:999", "DLQ:1")
        reply = await proofs.respond(
            RawMessage("", AuditProofsQuery(places=places, kept=True).model_dump_json().encode(), {})
        )

    found = AuditProofsFound.model_validate_json(reply)
    assert assert_proven(found).size == 700
    assert [(it.place, it.leaf) for it in found.proofs] == [("EVENTS:1", 0), ("EVENTS:257", 256), ("EVENTS:700", 699)]
    assert (found.unsigned, found.unknown, found.more) == (("EVENTS:701",), ("EVENTS:999", "DLQ:1"), ())
    assert (found.key, found.size, found.refusal) == (str(SIGNER.verifier), 701, "")
    for proof, body in zip(found.proofs, (b"1", b"257", b"700"), strict=True):
        assert proof.body == body
        assert record_entry(kept(proof)) == proof.entry


def kept(proof: Any) -> Kept:
    stream, _, sequence = proof.place.partition(":")
    return Kept(stream, int(sequence), proof.stored_at, proof.subject, proof.headers, proof.body, proof.salt)


@pytest.mark.parametrize("old", [1, 255, 256, 300, 512, 699, 700])
async def test_a_checkpoint_is_proven_to_have_grown_from_an_earlier_one(tmp_path: Path, old: int) -> None:
    bus, settings = MemoryBus(), Settings(state=tmp_path)
    async with ledger(settings, bus, old) as (store, proofs, signing):
        before, _ = open_checkpoint((await proofs.find(AuditProofsQuery())).checkpoint, [SIGNER.verifier])
        if old < 700:
            await store.add([message(number) for number in range(old + 1, 701)])
        await signing.sign()
        found = await proofs.find(AuditProofsQuery(grown_from=old))
        larger = await proofs.find(AuditProofsQuery(grown_from=701))

    head = assert_proven(found)
    assert found.growth is not None
    assert is_consistent(old, before.root, head.size, head.root, found.growth)
    assert larger.growth is None


async def test_of_a_stream_that_was_made_anew_the_newest_message_of_a_place_is_proven(tmp_path: Path) -> None:
    bus, settings = MemoryBus(), Settings(state=tmp_path)
    async with ledger(settings, bus, 3) as (store, proofs, signing):
        later = StoredMessage(RawMessage("events.b", b"anew", {}), "EVENTS", 2, datetime.now(UTC), pending=0)
        await store.add([later])
        await signing.sign()
        found = await proofs.find(AuditProofsQuery(places=("EVENTS:2",), kept=True))

    assert_proven(found)
    assert [(it.leaf, it.body) for it in found.proofs] == [(3, b"anew")]


async def test_a_reply_has_as_many_proofs_as_nats_takes_and_names_the_others(tmp_path: Path) -> None:
    bus, settings = MemoryBus(), Settings(state=tmp_path)
    async with ledger(settings, bus, 1) as (store, proofs, signing):
        await store.add(
            [message(2, body=b"x" * 900_000), *(message(number, body=b"x" * 150_000) for number in (3, 4, 5))]
        )
        await signing.sign()
        places = tuple(f"EVENTS:{number}" for number in range(1, 6))
        replies = []
        while places:
            replies.append(await proofs.find(AuditProofsQuery(places=places, kept=True)))
            assert len(replies[-1].model_dump_json()) < 1_000_000
            places = replies[-1].more

    assert [[it.place for it in found.proofs] for found in replies] == [
        ["EVENTS:1", "EVENTS:2", "EVENTS:3", "EVENTS:4"],
        ["EVENTS:5"],
    ]
    assert [it.body is None for it in replies[0].proofs] == [False, True, False, False]


async def test_a_database_that_lost_what_was_signed_says_so(tmp_path: Path) -> None:
    bus = MemoryBus()
    async with ledger(Settings(state=tmp_path / "now"), bus, 600):
        pass
    async with open_store(Settings(state=tmp_path / "restored")) as store:
        await store.add([message(number) for number in range(1, 4)])
        found = await Proofs(store.engine, SIGNER.verifier, bus).find(
            AuditProofsQuery(places=("EVENTS:1",), grown_from=600)
        )

    assert (found.proofs, found.size) == ((), 3)
    assert "it has 3 leaves, and a checkpoint over 600 was signed" in found.refusal


async def test_nothing_signed_proves_nothing(tmp_path: Path) -> None:
    async with open_store(Settings(state=tmp_path)) as store:
        await store.add([message(1)])
        found = await Proofs(store.engine, SIGNER.verifier, MemoryBus()).find(AuditProofsQuery(places=("EVENTS:1",)))

    assert (found.checkpoint, found.unsigned, found.refusal) == ("", ("EVENTS:1",), "")


async def large_ledger(store: Store, bus: Bus, size: int, places: list[int]) -> None:
    """Fill a database with what a ledger of this size has where proofs look, and sign it."""
    tree = GrowingTree()
    full: dict[TileKey, bytes] = {}
    entries = [sha256(b"%d" % leaf).digest() for leaf in range(size)]
    for first in range(0, size, 4096):
        changed = tree.append(map(leaf_hash, entries[first : first + 4096]))
        full |= {key: tile for key, tile in changed.items() if len(tile) == FULL}
    shown = {*places, *range(size - size % 256, size)}
    record = {"subject": "events.a", "said_at": BEGAN, "heard_at": BEGAN, "headers": {}, "body": b"", "salt": b"s"}
    async with store.engine.begin() as connection:
        if full:
            rows = [{"level": level, "number": number, "hashes": tile} for (level, number), tile in full.items()]
            await connection.execute(tiles.insert(), rows)
        await connection.execute(leaves.insert(), [{"leaf": leaf, "entry": entries[leaf]} for leaf in sorted(shown)])
        rows = [{**record, "stream": "EVENTS", "sequence": leaf + 1, "leaf": leaf} for leaf in places]
        await connection.execute(records.insert(), rows)
    note = sign_checkpoint(Checkpoint("perdure", size, tree.root()), SIGNER)
    await bus.publish(CheckpointSigned(ledger="perdure", size=size, root=tree.root().hex(), note=note))


async def test_the_cost_of_a_proof_does_not_grow_with_the_ledger(tmp_path: Path) -> None:
    """Counted are the instructions of SQLite's engine: they depend on neither the machine nor its load."""
    cost: dict[int, int] = {}
    for size in (100, 10_000, 1_000_000):
        bus, chosen = MemoryBus(), [0, size // 3, size - 1]
        async with open_store(Settings(state=tmp_path / str(size))) as store:
            await large_ledger(store, bus, size, chosen)
            await store.engine.dispose()
            steps = count_instructions(store)
            proofs = Proofs(store.engine, SIGNER.verifier, bus)
            query = AuditProofsQuery(places=tuple(f"EVENTS:{leaf + 1}" for leaf in chosen), grown_from=size // 2)
            found = await proofs.find(query)
            cost[size] = len(steps)
        head = assert_proven(found)
        assert [it.leaf for it in found.proofs] == chosen
        assert found.growth is not None
        assert head.size == size

    assert min(cost.values()) > 0
    most = 20  # instructions for each hash of a partial tile, of which each level has one
    assert all(count * 10 <= most * 256 * levels for count, levels in zip(cost.values(), (1, 2, 3), strict=True)), cost


def count_instructions(store: Store) -> list[None]:
    """Count what SQLite executes on the connections that are opened from now on: one item for each ten instructions."""
    steps: list[None] = []

    def prepare(connection: Any, _: object) -> None:
        connection.run_async(lambda driver: driver.set_progress_handler(lambda: steps.append(None), 10))

    event.listen(store.engine.sync_engine, "connect", prepare)
    return steps


async def test_many_ask_while_others_append(audited: Settings, bus: Bus) -> None:
    async with ledger(audited, bus, 10) as (store, proofs, signing):

        async def grow() -> None:
            for number in range(11, 400, 13):
                await store.add([message(it) for it in range(number, number + 13)])
                await signing.sign()

        async def ask() -> None:
            for old in range(1, 11):
                found = await proofs.find(AuditProofsQuery(places=("EVENTS:3", "EVENTS:9"), grown_from=old))
                head = assert_proven(found)
                assert len(found.proofs) == 2
                assert found.growth is not None
                assert head.size >= 10

        await asyncio.gather(grow(), *(ask() for _ in range(3)))

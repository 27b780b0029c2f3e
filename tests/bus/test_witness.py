"""Clients as witnesses: what the audit service shows them must have grown from what they have seen before."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from perdure.bus import MemoryBus, RawMessage, StoredMessage
from perdure.config.settings import Settings
from perdure.errors import Unavailable
from perdure.ledger import Signer, change_statement
from perdure.ledger.record_entry import KEY, key_body
from perdure.record.seen import SeenCheckpoints
from perdure.record.witness import LedgerForked, Witness
from perdure_audit.checkpoints import Checkpoints
from perdure_audit.proofs import Proofs
from perdure_audit.store import Store, open_store
from tests.support.ledger_keys import ledger_keys

BEGAN = datetime(2026, 11, 30, tzinfo=UTC)
SIGNER, NEXT = (Signer("perdure", Ed25519PrivateKey.from_private_bytes(bytes([it] * 32))) for it in (1, 2))


@asynccontextmanager
async def audit(folder: Path, *bodies: str, signer: Signer = SIGNER) -> AsyncIterator["Service"]:
    """Run an audit service with a history of its own."""
    async with open_store(Settings(state=folder)) as store:
        service = Service(store, folder, signer)
        await service.record(*bodies)
        yield service


class Service:
    """An audit service on a bus of its own."""

    def __init__(self, store: Store, folder: Path, signer: Signer) -> None:
        self.bus, self.store = MemoryBus(), store
        self.signing = Checkpoints(store.engine, signer.name, ledger_keys(folder, signer), self.bus)
        self.proofs = Proofs(store.engine, signer.verifier, self.bus)

    async def record(self, *bodies: str, sign: bool = True) -> None:
        first = await self.store.count() + 1
        raws = [RawMessage("events.a", body.encode(), {}) for body in bodies]
        await self.store.add(
            [StoredMessage(raw, "EVENTS", first + at, BEGAN, pending=0) for at, raw in enumerate(raws)]
        )
        if sign:
            await self.signing.sign()

    async def request(self, _: str, body: bytes) -> bytes:
        return await self.proofs.respond(RawMessage("", body, {}))


async def test_a_ledger_that_grows_is_followed(tmp_path: Path) -> None:
    seen = SeenCheckpoints(tmp_path / "seen")
    async with audit(tmp_path / "a", "1", "2") as service:
        first = await Witness(service.request, seen).look()
        await service.record(*map(str, range(3, 600)))
        witness = Witness(service.request, seen)
        heads = [await witness.look(), await witness.look()]
        proven = await witness.proofs(["EVENTS:1", "EVENTS:599"])

    newest = seen.newest("perdure")
    assert first is not None
    assert first.size == 2
    assert newest is not None
    assert heads == [newest.opened()] * 2
    assert [(it.proof.index, it.proof.verified([SIGNER.verifier]).size) for it in proven.values()] == [
        (0, 599),
        (598, 599),
    ]


@pytest.mark.parametrize(
    ("seen_before", "shown", "what"),
    [
        (("1", "2", "3"), ("1", "2"), "fewer leaves: some were taken away"),
        (("1", "2", "3"), ("1", "2", "other"), "leaves that do not begin with those"),
        (("1", "2", "3"), ("other", "2", "3", "4"), "leaves that do not begin with those"),
        (("1", "2", "3"), (), "no checkpoint at all"),
    ],
    ids=["rolled back", "replaced", "rewritten", "empty"],
)
async def test_two_histories_under_one_key_are_found_out_and_both_heads_are_kept(
    tmp_path: Path, seen_before: tuple[str, ...], shown: tuple[str, ...], what: str
) -> None:
    seen = SeenCheckpoints(tmp_path / "seen")
    async with audit(tmp_path / "a", *seen_before) as one, audit(tmp_path / "b", *shown) as other:
        await Witness(one.request, seen).look()
        before = seen.newest("perdure")
        with pytest.raises(LedgerForked) as forked:
            await Witness(other.request, seen).look()
        unheard = SeenCheckpoints(tmp_path / "another client")
        await Witness(other.request, unheard).look()

    assert before is not None
    (file,) = (tmp_path / "seen").glob("*.fork-*.json")
    kept = json.loads(file.read_text())
    assert what in str(forked.value)
    assert f"Seen before: 3 leaves with the root {before.opened().root.hex()}" in str(forked.value)
    assert str(file) in str(forked.value)
    assert kept["seen"]["note"] == before.note
    assert kept["shown"]["note"].startswith(f"perdure\n{len(shown)}\n" if shown else "")
    assert seen.newest("perdure") == before, "what was seen stays"


async def test_the_same_history_under_another_key_is_found_out(tmp_path: Path) -> None:
    seen = SeenCheckpoints(tmp_path / "seen")
    async with audit(tmp_path / "a", "1") as one, audit(tmp_path / "b", "1", "2", signer=NEXT) as other:
        await Witness(one.request, seen).look()
        with pytest.raises(LedgerForked, match="one that another key has signed"):
            await Witness(other.request, seen).look()


async def test_a_key_that_the_one_before_has_named_is_followed(tmp_path: Path) -> None:
    seen = SeenCheckpoints(tmp_path / "seen")
    async with audit(tmp_path / "a", "1", "2") as service:
        await Witness(service.request, seen).look()
        body = key_body(str(NEXT.verifier), change_statement(SIGNER, NEXT))
        await service.store.add([StoredMessage(RawMessage(KEY, body, {}), "LEDGER", 1, BEGAN, pending=0)])
        service.bus = MemoryBus()
        service.signing = Checkpoints(service.store.engine, "perdure", ledger_keys(tmp_path / "a", NEXT), service.bus)
        service.proofs = Proofs(service.store.engine, SIGNER.verifier, service.bus)
        await service.record("3")
        head = await Witness(service.request, seen).look()

    newest = seen.newest("perdure")
    assert head is not None
    assert newest is not None
    assert (head.size, newest.key) == (4, str(NEXT.verifier))


async def test_a_database_that_was_restored_under_newer_checkpoints_is_found_out(tmp_path: Path) -> None:
    async with audit(tmp_path / "a", "1", "2", "3") as one, audit(tmp_path / "b", "1", "2") as restored:
        restored.proofs = Proofs(restored.store.engine, SIGNER.verifier, one.bus)
        with pytest.raises(LedgerForked, match="it has 2 leaves, and a checkpoint over 3 was signed"):
            await Witness(restored.request, SeenCheckpoints(tmp_path / "seen")).look()


async def test_a_message_that_is_not_signed_yet_is_waited_for(tmp_path: Path) -> None:
    async with audit(tmp_path / "a", "1") as service:
        witness = Witness(service.request, SeenCheckpoints(tmp_path / "seen"))
        waiting = asyncio.create_task(witness.proofs(["EVENTS:1", "EVENTS:2", "EVENTS:9"], kept=True, within=3))
        await service.record("2", sign=False)
        await asyncio.sleep(0)
        await service.signing.sign()
        proven = await waiting

    assert list(proven) == ["EVENTS:1", "EVENTS:2"]
    kept = proven["EVENTS:2"].kept
    assert kept is not None
    assert (kept.body, kept.sequence) == (b"2", 2)


async def test_clients_at_once_all_follow(tmp_path: Path) -> None:
    async with audit(tmp_path / "a", "1") as service:

        async def follow() -> int:
            witness = Witness(service.request, SeenCheckpoints(tmp_path / "seen"))
            heads = [await witness.look() for _ in range(15)]
            return sum(head is not None for head in heads)

        async def grow() -> int:
            for number in range(15):
                await service.record(str(number))
            return 0

        assert sorted(await asyncio.gather(grow(), *(follow() for _ in range(3)))) == [0, 15, 15, 15]


async def test_a_service_that_lies_about_a_proof_is_found_out(tmp_path: Path) -> None:
    async with audit(tmp_path / "a", "1", "2") as service:

        async def lie(subject: str, body: bytes) -> bytes:
            reply = json.loads(await service.request(subject, body))
            for proof in reply["proofs"]:
                proof["leaf"] = 0
            return json.dumps(reply).encode()

        async def silent(_: str, __: bytes) -> bytes:
            raise Unavailable("nobody")

        async def noise(_: str, __: bytes) -> bytes:
            return b"{}"

        seen = SeenCheckpoints(tmp_path / "seen")
        with pytest.raises(LedgerForked, match="The audit service's proof of EVENTS:2 does not hold"):
            await Witness(lie, seen).proofs(["EVENTS:2"])
        with pytest.raises(Unavailable):
            await Witness(silent, seen).look()
        with pytest.raises(LedgerForked, match="reply is none"):
            await Witness(noise, seen).look()

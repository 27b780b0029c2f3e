"""The audit's checkpoints: each grew from the one before, whoever signs, and whatever became of the database."""

import asyncio
import os
import signal
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from nats.js.errors import APIError
from sqlalchemy import select

from perdure.bus import Bus, NatsBus, RawMessage, StoredMessage, connect, decode
from perdure.bus.jetstream.provision import provision
from perdure.config.settings import NatsSettings, Settings
from perdure.contracts import Alert, CheckpointSigned
from perdure.errors import SetupError
from perdure.ledger import GrowingTree, leaf_hash, open_checkpoint
from perdure_audit.checkpoints import Checkpoints
from perdure_audit.key_file import ledger_signer
from perdure_audit.ledger_keys import LedgerKeys
from perdure_audit.records import leaves
from perdure_audit.store import Store, open_store

BEGAN = datetime(2026, 11, 30, tzinfo=UTC)


def messages(first: int, last: int) -> list[StoredMessage]:
    return [
        StoredMessage(RawMessage("events.a", b"%d" % number, {}), "EVENTS", number, BEGAN, pending=0)
        for number in range(first, last + 1)
    ]


def checkpoints(settings: Settings, store: Store, bus: Bus) -> Checkpoints:
    keys = LedgerKeys(settings.ledger_key, settings.audit.ledger)
    return Checkpoints(store.engine, settings.audit.ledger, keys, bus)


async def signed(settings: Settings, bus: Bus) -> list[CheckpointSigned]:
    """Return the checkpoints on the bus, all of which the key has signed."""
    verifier = ledger_signer(settings.ledger_key, settings.audit.ledger).verifier
    found = []
    async for stored in bus.read("checkpoints.perdure"):
        message = decode(stored.raw)
        assert isinstance(message, CheckpointSigned)
        checkpoint, _ = open_checkpoint(message.note, [verifier])
        assert (checkpoint.origin, checkpoint.size, checkpoint.root.hex()) == ("perdure", message.size, message.root)
        found.append(message)
    return found


async def assert_one_history(settings: Settings, bus: Bus) -> int:
    """Compare all checkpoints with the leaves of the database; return the size of the last one."""
    found = await signed(settings, bus)
    async with open_store(settings) as store, store.engine.connect() as connection:
        entries = (await connection.execute(select(leaves.c.entry).order_by(leaves.c.leaf))).scalars().all()
    sizes = [it.size for it in found]
    assert sizes == sorted(set(sizes))
    for it in found:
        tree = GrowingTree()
        tree.append(map(leaf_hash, entries[: it.size]))
        assert tree.root().hex() == it.root
    assert sizes[-1] <= len(entries)
    return sizes[-1]


async def test_the_head_is_signed_when_leaves_came_and_only_then(audited: Settings, bus: Bus) -> None:
    async with open_store(audited) as store:
        signing = checkpoints(audited, store, bus)
        await signing.sign()
        assert await signed(audited, bus) == []
        for first in (1, 300):
            await store.add(messages(first, first + 299))
            await signing.sign()
            await signing.sign()

    assert [it.size for it in await signed(audited, bus)] == [300, 599]
    assert await assert_one_history(audited, bus) == 599


async def test_what_was_appended_before_a_process_died_is_signed_by_the_next_one(audited: Settings, bus: Bus) -> None:
    async with open_store(audited) as store:
        await store.add(messages(1, 5))
        await checkpoints(audited, store, bus).sign()
        await store.add(messages(6, 7))
    async with open_store(audited) as store:
        await checkpoints(audited, store, bus).sign()

    assert [it.size for it in await signed(audited, bus)] == [5, 7]


async def test_two_audits_at_once_sign_one_history(audited: Settings, bus: Bus) -> None:
    async def record(store: Store, signing: Checkpoints, first: int) -> None:
        for number in range(first, 120, 2):
            await store.add(messages(number, number))
            await signing.sign()

    async with open_store(audited) as one, open_store(audited) as other:
        both = [(store, checkpoints(audited, store, bus)) for store in (one, other)]
        await asyncio.gather(*(record(store, signing, 1 + at) for at, (store, signing) in enumerate(both)))
        for _ in range(2):  # one may have lost the last race
            await both[0][1].sign()

    assert [signing.refusal for _, signing in both] == ["", ""]
    assert await assert_one_history(audited, bus) == 119


@pytest.mark.parametrize(
    ("again", "why"),
    [
        (messages(1, 3), "it has 3 leaves, and a checkpoint over 5 was signed"),
        (messages(2, 9), "its first 5 leaves are not those of the checkpoint that was signed"),
    ],
    ids=["older", "other"],
)
async def test_a_database_that_did_not_grow_from_the_last_checkpoint_is_not_signed(
    tmp_path: Path, bus: Bus, again: list[StoredMessage], why: str
) -> None:
    settings = Settings(state=tmp_path)
    async with open_store(settings) as store:
        await store.add(messages(1, 5))
        await checkpoints(settings, store, bus).sign()
    [file] = tmp_path.rglob("audit.db")
    for part in file.parent.glob("audit.db*"):
        part.unlink()

    async with open_store(settings) as store:
        await store.add(again)
        signing = checkpoints(settings, store, bus)
        await signing.run()  # ends: it never signs again
        alerts = [decode(it.raw) async for it in bus.read("alerts.>")]
        assert [(it.workflow_id, it.details) for it in alerts if isinstance(it, Alert)] == [
            ("perdure-ledger", {"why": signing.refusal})
        ]
        await store.add([replace(again[0], stored_at=BEGAN + timedelta(days=1))])

        assert await store.count() == len(again) + 1, "records go on"
    assert f"The ledger perdure is not signed any more: {why}" in signing.refusal
    assert [it.size for it in await signed(settings, bus)] == [5]


async def test_another_key_does_not_go_on_with_a_series(tmp_path: Path, bus: Bus) -> None:
    settings = Settings(state=tmp_path)
    async with open_store(settings) as store:
        await store.add(messages(1, 5))
        await checkpoints(settings, store, bus).sign()
        settings.ledger_key.rename(tmp_path / "lost.key")
        signing = checkpoints(settings, store, bus)
        await signing.run()

    assert "message 1 of CHECKPOINTS is no checkpoint that its key has signed" in signing.refusal


def test_the_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "audit" / "ledger.key"

    first, second = ledger_signer(file, "perdure"), ledger_signer(file, "perdure")

    assert first.verifier == second.verifier
    assert file.stat().st_mode & 0o777 == 0o600
    assert [it.name for it in file.parent.iterdir()] == ["ledger.key"]
    with pytest.raises(SetupError, match=r"holds the key of the ledger perdure, not of other \(audit.ledger\)"):
        ledger_signer(file, "other")
    file.write_text("nothing")
    with pytest.raises(SetupError, match=r"ledger.key holds no key of the ledger"):
        ledger_signer(file, "perdure")


async def test_nobody_deletes_a_checkpoint(nats_settings: NatsSettings) -> None:
    async with connect(nats_settings, source="perdure/test", within=5) as bus:
        await provision(bus.js, "operator")
        sequence = await bus.publish(CheckpointSigned(ledger="perdure", size=1, root="0" * 64, note="x"))

        with pytest.raises(APIError, match="not permitted"):
            await bus.js.delete_msg("CHECKPOINTS", sequence)
        with pytest.raises(APIError, match="not permitted"):
            await bus.js.purge_stream("CHECKPOINTS")

        assert await bus.get("CHECKPOINTS", sequence) is not None


async def test_the_service_killed_at_any_moment_never_signs_two_histories(
    tmp_path: Path, nats_settings: NatsSettings
) -> None:
    settings = Settings(state=tmp_path / "state")
    async with connect(nats_settings, source="perdure/test", within=5) as bus:
        await provision(bus.js, "operator")
        for number in range(6):
            audit = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "perdure_audit", cwd=tmp_path, env=variables(settings, nats_settings)
            )
            try:
                await publish_until_signed(bus, number)
            finally:
                audit.send_signal(signal.SIGKILL)
                await audit.wait()

    async with connect(nats_settings, source="perdure/test", within=5) as bus:
        assert await assert_one_history(settings, bus) > 0


def variables(settings: Settings, nats_settings: NatsSettings) -> dict[str, str]:
    return {
        **os.environ,
        "PERDURE_STATE": str(settings.state),
        "PERDURE_NATS__SERVERS": f'["{nats_settings.servers[0]}"]',
        "PERDURE_AUDIT__HTTP_PORT": "0",
    }


async def publish_until_signed(bus: NatsBus, number: int) -> None:
    """Publish events until there is one checkpoint more; return while more wait to be recorded."""
    before = await bus.last("checkpoints.perdure")
    while (newest := await bus.last("checkpoints.perdure")) is None or (before and newest == before):
        for _ in range(20):
            await bus.publish_raw(RawMessage("events.a", b"{}", {}))
        await asyncio.sleep(0.02 * number)

"""The ledger's key is replaced by a leaf that both keys sign, wherever the process dies meanwhile."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio

from perdure.bus import Bus, RawMessage, StoredMessage, decode
from perdure.config.settings import Settings
from perdure.contracts import CheckpointSigned
from perdure.errors import SetupError
from perdure.ledger import BadNote, KeyChain, Verification, Witnessed
from perdure.record.database import leaves_of
from perdure_audit.checkpoints import Checkpoints
from perdure_audit.inserts import Insert
from perdure_audit.key_file import ledger_signer
from perdure_audit.ledger_keys import LedgerKeys
from perdure_audit.store import Store, open_store

BEGAN = datetime(2026, 11, 30, tzinfo=UTC)


class _Killed(BaseException):
    """The process dies here."""


@pytest_asyncio.fixture
async def store(audited: Settings) -> AsyncIterator[Store]:
    async with open_store(audited) as store:
        yield store


def keys_of(settings: Settings) -> LedgerKeys:
    return LedgerKeys(settings.ledger_key, settings.audit.ledger)


async def record_and_sign(settings: Settings, store: Store, bus: Bus, *numbers: int) -> Checkpoints:
    """Record messages, and sign the ledger as a process does that starts now."""
    await store.add([StoredMessage(RawMessage("events.a", b"{}", {}), "EVENTS", it, BEGAN, 0) for it in numbers])
    signing = Checkpoints(store.engine, settings.audit.ledger, keys_of(settings), bus)
    await signing.sign()
    return signing


async def verify(store: Store, bus: Bus, chain: KeyChain) -> list[int]:
    """Verify the ledger from a key that one has pinned, its checkpoints by the keys of their sizes; return these."""
    async with store.engine.connect() as connection:
        found = [leaf async for part in leaves_of(connection) for leaf in part]
    for leaf, entry, _ in found:
        chain.add(leaf, entry)
    heads = []
    async for stored in bus.read("checkpoints.perdure"):
        message = decode(stored.raw)
        assert isinstance(message, CheckpointSigned)
        heads.append(Witnessed(chain.open(message.note), f"message {stored.sequence}"))
    verification = Verification(heads)
    for it in found:
        verification.take(*it)
    assert verification.faults() == []
    return [it.checkpoint.size for it in heads]


async def test_checkpoints_go_on_under_the_new_key_and_who_pinned_the_old_one_follows(
    audited: Settings, store: Store, bus: Bus
) -> None:
    first = ledger_signer(audited.ledger_key, "perdure").verifier
    await record_and_sign(audited, store, bus, 1, 2)

    change = await keys_of(audited).rotate(store.writer)
    again = await keys_of(audited).rotate(store.writer)
    signing = await record_and_sign(audited, store, bus, 3)

    assert (change.leaf, change.old, again.leaf, again.old) == (2, first, 3, change.new)
    assert signing.refusal == ""
    assert await verify(store, bus, KeyChain(first)) == [2, 5]
    assert await verify(store, bus, KeyChain(again.new)) == [2, 5]
    assert ledger_signer(audited.ledger_key, "perdure").verifier == again.new
    with pytest.raises(BadNote, match="none of this ledger's"):
        await verify(store, bus, KeyChain(ledger_signer(audited.state / "foreign", "perdure").verifier))


async def test_another_process_takes_the_new_key_when_it_signs(audited: Settings, store: Store, bus: Bus) -> None:
    first = ledger_signer(audited.ledger_key, "perdure").verifier
    signing = await record_and_sign(audited, store, bus, 1)
    await keys_of(audited).rotate(store.writer)

    for _ in range(2):
        await signing.sign()

    assert signing.refusal == ""
    assert await verify(store, bus, KeyChain(first)) == [1, 2]


async def test_two_that_replace_the_key_at_once_do_so_one_after_the_other(
    audited: Settings, store: Store, bus: Bus
) -> None:
    first = ledger_signer(audited.ledger_key, "perdure").verifier
    one, other = keys_of(audited), keys_of(audited)
    await one.rotate(store.writer)
    await other.rotate(store.writer)

    signing = await record_and_sign(audited, store, bus, 1)

    assert signing.refusal == ""
    assert await verify(store, bus, KeyChain(first)) == [3]


@pytest.mark.parametrize(
    "at", ["before the new key", "before its leaf", "before the commit", "before the old one goes"]
)
async def test_a_process_that_dies_while_it_replaces_the_key_leaves_one_that_is_valid(
    audited: Settings, store: Store, bus: Bus, at: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = ledger_signer(audited.ledger_key, "perdure").verifier
    await record_and_sign(audited, store, bus, 1)
    keys = keys_of(audited)
    with monkeypatch.context() as patched:
        _die(patched, at)
        with pytest.raises(_Killed):
            await keys.rotate(store.writer)

    signing = await record_and_sign(audited, store, bus, 2)
    change = await keys_of(audited).rotate(store.writer)
    await record_and_sign(audited, store, bus, 3)

    assert signing.refusal == ""
    is_replaced = at == "before the old one goes"
    assert (change.old != first) == is_replaced
    assert await verify(store, bus, KeyChain(first)) == ([1, 3, 5] if is_replaced else [1, 2, 4])
    assert not audited.ledger_key.with_name("ledger.key.next").exists()


def _die(patched: pytest.MonkeyPatch, at: str) -> None:
    def dies(*_: object, **__: object) -> None:
        raise _Killed

    match at:
        case "before the new key":
            patched.setattr("perdure_audit.key_file._write", dies)
        case "before its leaf":
            patched.setattr("perdure_audit.ledger_keys.change_statement", dies)
        case "before the commit":
            patched.setattr("perdure_audit.inserts.Insert.__call__", _second(dies))
        case _:
            patched.setattr(Path, "replace", dies)


def _second(dies: Callable[..., None]) -> Callable[..., Awaitable[None]]:
    original, calls = Insert.__call__, list[int]()

    async def insert(self: Insert, *given: object) -> None:
        calls.append(1)
        if len(calls) > 1:
            dies()
        await original(self, *given)  # type: ignore[arg-type]

    return insert


async def test_a_key_file_without_the_key_of_the_ledger_signs_nothing(
    audited: Settings, store: Store, bus: Bus
) -> None:
    old = audited.ledger_key
    await record_and_sign(audited, store, bus, 1)
    text = old.read_text()
    await keys_of(audited).rotate(store.writer)
    old.write_text(text)

    signing = await record_and_sign(audited, store, bus, 2)

    assert "does not hold the key" in signing.refusal
    with pytest.raises(SetupError, match="put the file of the audit service that changed it there"):
        await keys_of(audited).rotate(store.writer)

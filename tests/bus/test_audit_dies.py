"""Whenever audits are killed, the ledger has each message once, one history, and no gap; also where two work."""

import asyncio
import json
import sys

import pytest

from perdure.bus import RawMessage, connect, decode
from perdure.bus.jetstream.provision import provision
from perdure.config.settings import NatsSettings, Settings
from perdure.contracts import CheckpointSigned
from perdure.ledger import KeyChain, Verification, Witnessed, read_checkpoint
from perdure.record.database import leaves_of
from perdure_audit.key_file import ledger_signer
from perdure_audit.store import open_store
from tests.support.dying_audit import EACH

AT_LEAST = 50  # places at which one audit dies


@pytest.mark.timeout(1200)  # up to 80 rounds, of three processes each
@pytest.mark.parametrize("at_once", [1, 2])
async def test_audits_that_are_killed_at_each_statement_leave_one_whole_history(
    audited: Settings, nats_settings: NatsSettings, at_once: int
) -> None:
    settings = audited.model_copy(update={"nats": nats_settings})
    async with connect(nats_settings, source="perdure/test", within=5) as bus:
        await provision(bus.js, "operator")

    dying = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.support.dying_audit", settings.model_dump_json(), str(at_once)),
        stdout=asyncio.subprocess.PIPE,
    )
    printed, _ = await dying.communicate()

    assert dying.returncode == 0
    died = int(json.loads(printed))
    assert died >= AT_LEAST
    await assert_whole(settings, last=(died // at_once + 1) * EACH)


async def assert_whole(settings: Settings, last: int) -> None:
    """Verify the ledger from its last key, with each checkpoint that was ever published."""
    async with connect(settings.nats, source="perdure/test", within=5) as bus:
        notes = [checkpoint_in(stored.raw).note async for stored in bus.read("checkpoints.perdure")]
    async with open_store(settings) as store, store.engine.connect() as connection:
        leaves = [leaf async for part in leaves_of(connection) for leaf in part]

    keys = KeyChain(ledger_signer(settings.ledger_key, settings.audit.ledger).verifier)
    verification = Verification([Witnessed(read_checkpoint(note), "the bus", note) for note in notes], keys)
    for leaf in leaves:
        verification.take(*leaf)
    assert verification.faults() == []
    assert verification.proven == len(leaves)
    sequences = [kept.sequence for _, _, kept in leaves if kept is not None and kept.stream == "EVENTS"]
    assert sorted(sequences) == list(range(1, max(sequences) + 1)), "one leaf a message"
    assert max(sequences) >= last
    assert len(keys.keys) > 2, "the key was replaced"


def checkpoint_in(raw: RawMessage) -> CheckpointSigned:
    message = decode(raw)
    assert isinstance(message, CheckpointSigned)
    return message

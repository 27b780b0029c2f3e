"""`perdure admin ledger rotate` at a real audit service: checkpoints go on, clients follow, and the old key ends."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from perdure.bus import NatsBus, RawMessage, connect, decode
from perdure.bus.jetstream.provision import provision
from perdure.config.settings import NatsSettings, Settings
from perdure.contracts import CheckpointSigned
from perdure.contracts.audit import LedgerKeyRotated
from perdure.ledger import Signer, open_checkpoint, read_checkpoint, sign_checkpoint
from perdure.ledger.key_text import read_signer
from tests.support.command_line import perdure
from tests.support.eventually import eventually


class Suite:
    """A real audit service, and the events that it records."""

    def __init__(self, settings: Settings, bus: NatsBus) -> None:
        self._settings = settings
        self._bus = bus
        self.signed = 0

    @property
    def signer(self) -> Signer:
        """The key in the service's file."""
        return read_signer(self._settings.ledger_key.read_text(encoding="utf-8"))

    async def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command against the service's database and NATS."""
        folder = self._settings.state.parent
        environment = {
            "PERDURE_STATE": str(self._settings.state),
            "PERDURE_NATS__SERVERS": json.dumps(self._settings.nats.servers),
            "XDG_DATA_HOME": str(folder / "data"),
        }
        return await asyncio.to_thread(perdure, folder, *arguments, environment=environment)

    async def rotate(self) -> LedgerKeyRotated:
        done = await self.run("admin", "ledger", "rotate", "--json")
        assert done.returncode == 0, done.stderr
        return LedgerKeyRotated.model_validate_json(done.stdout)

    async def record(self) -> str:
        """Publish an event; return the checkpoint that has its leaf."""
        await self._bus.publish_raw(RawMessage("events.a", b"{}", {}))

        async def newer() -> CheckpointSigned | None:
            stored = await self._bus.last("checkpoints.perdure")
            message = None if stored is None else decode(stored.raw)
            return message if isinstance(message, CheckpointSigned) and message.size > self.signed else None

        found = await eventually(newer, within=60)
        assert found is not None
        self.signed = found.size
        return found.note


@pytest_asyncio.fixture
async def suite(tmp_path: Path, nats_settings: NatsSettings) -> AsyncIterator[Suite]:
    settings = Settings(state=tmp_path / "state", nats=nats_settings)
    variables = {
        "PERDURE_STATE": str(settings.state),
        "PERDURE_NATS__SERVERS": json.dumps(nats_settings.servers),
        "PERDURE_AUDIT__HTTP_PORT": "0",
    }
    async with connect(nats_settings, source="perdure/test", within=5) as bus:
        await provision(bus.js, "operator")
        audit = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "perdure_audit", cwd=tmp_path, env={**os.environ, **variables}
        )
        try:
            yield Suite(settings, bus)
        finally:
            audit.send_signal(signal.SIGTERM)
            await audit.wait()


async def test_the_key_is_replaced_twice_and_who_pinned_the_first_one_follows(suite: Suite, tmp_path: Path) -> None:
    await suite.record()
    old = suite.signer
    first = await suite.rotate()
    note = await suite.record()
    second = await suite.rotate()
    last = await suite.record()

    assert (first.old, first.new, second.new) == (str(old.verifier), second.old, str(suite.signer.verifier))
    assert read_checkpoint(note).size <= second.leaf < open_checkpoint(last, [suite.signer.verifier])[0].size
    for pinned in (first.old, first.new, second.new):
        verified = await suite.run("audit", "verify", "--key", pinned)
        assert verified.returncode == 0, verified.stdout + verified.stderr

    stale = tmp_path / "stale"
    stale.write_text(sign_checkpoint(read_checkpoint(last), old), encoding="utf-8")
    refused = await suite.run("audit", "verify", "--key", first.old, "--known", str(stale))
    assert refused.returncode != 0
    assert "is not signed by the key of that time" in " ".join(refused.stdout.split())

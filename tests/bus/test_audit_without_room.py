"""A real audit service whose files may not grow: records wait, and `/readyz` says why; with room all are there once."""

import asyncio
import json
import os
import resource
import signal
import sys
from pathlib import Path
from typing import Any, Final

import httpx

from perdure.bus import NatsBus, RawMessage, connect
from perdure.bus.jetstream.provision import provision
from perdure.config.settings import NatsSettings, Settings
from perdure.ledger import Verification
from perdure.record.database import leaves_of
from perdure_audit.store import open_store
from tests.support.eventually import eventually
from tests.support.ports import free_port

EVENTS: Final = 40  # before there is no room, and again after that
BODY: Final = b'{"filler": "%s"}' % (b"x" * 20_000)


async def test_records_wait_for_room_and_none_is_lost(tmp_path: Path, nats_settings: NatsSettings) -> None:
    settings, port = Settings(state=tmp_path / "state"), free_port()
    variables = {
        "PERDURE_STATE": str(settings.state),
        "PERDURE_NATS__SERVERS": json.dumps(nats_settings.servers),
        "PERDURE_AUDIT__HTTP_PORT": str(port),
    }
    async with connect(nats_settings, source="perdure/test", within=5) as bus, httpx.AsyncClient() as client:
        await provision(bus.js, "operator")
        audit = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "perdure_audit", cwd=tmp_path, env={**os.environ, **variables}
        )

        async def ready(status: int) -> dict[str, Any] | None:
            try:
                answer = await client.get(f"http://127.0.0.1:{port}/readyz")
            except httpx.HTTPError:
                return None
            return dict(answer.json()) if answer.status_code == status else None

        try:
            await eventually(lambda: ready(200), within=60)
            await publish(bus)
            await asyncio.wait_for(bus.wait_until_consumed("audit", "EVENTS"), 60)
            most, hard = resource.prlimit(audit.pid, resource.RLIMIT_FSIZE)
            largest = max(it.stat().st_size for it in (settings.state / "audit").iterdir())
            resource.prlimit(audit.pid, resource.RLIMIT_FSIZE, (largest, hard))
            await publish(bus)
            full = await eventually(lambda: ready(503), within=60)
            assert await recorded(settings) < 2 * EVENTS
            resource.prlimit(audit.pid, resource.RLIMIT_FSIZE, (most, hard))
            await asyncio.wait_for(bus.wait_until_consumed("audit", "EVENTS"), 120)
            well = await eventually(lambda: ready(200), within=60)
        finally:
            audit.send_signal(signal.SIGTERM)
            await audit.wait()

    assert full["missing"] == ["a store that can be written"]
    assert full["problem"].startswith("The audit store cannot be written: ")
    assert well["problem"] == ""
    assert await recorded(settings) == 2 * EVENTS


async def publish(bus: NatsBus) -> None:
    for _ in range(EVENTS):
        await bus.publish_raw(RawMessage("events.a", BODY, {}))


async def recorded(settings: Settings) -> int:
    """Return how many events have a leaf, each once and without a gap; nothing is wrong with the record."""
    verification, sequences = Verification([]), []
    async with open_store(settings) as store, store.engine.connect() as connection:
        async for part in leaves_of(connection):
            for leaf, entry, kept in part:
                verification.take(leaf, entry, kept)
                sequences += [kept.sequence] if kept is not None and kept.stream == "EVENTS" else []
    assert [it for it in verification.faults() if it.verdict != "freshness"] == []
    assert sorted(sequences) == list(range(1, len(sequences) + 1))
    return len(sequences)

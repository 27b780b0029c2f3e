"""An alert names a stream or a disk that lacks room, once until it has room again."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio

from perdure.bus import NatsBus, RawMessage, connect, decode
from perdure.bus.jetstream.provision import provision
from perdure.bus.views.kept_decisions import kept_decisions
from perdure.config.retention import StreamSettings
from perdure.config.settings import NatsSettings
from perdure.contracts import Alert, Progress, to_token
from perdure.local.disk import Disk
from perdure_orchestrator import room_watch
from perdure_orchestrator.room_watch import RoomWatch

SMALL = StreamSettings.model_validate({"max_bytes": 100_000})
BODY = b"x" * 9_000


@pytest_asyncio.fixture
async def bus(nats_settings: NatsSettings) -> AsyncIterator[NatsBus]:
    async with connect(nats_settings, source="perdure/test", within=5) as bus:
        limited = nats_settings.model_copy(update={"streams": {"EVENTS": SMALL}})
        await provision(bus.js, "operator", limited)
        yield bus


async def titles(bus: NatsBus) -> list[str]:
    alerts = [decode(message.raw) async for message in bus.read("alerts.>")]
    return [alert.title for alert in alerts if isinstance(alert, Alert)]


async def test_a_stream_that_never_refuses_grows_under_an_alert_which_comes_once(bus: NatsBus) -> None:
    watch = RoomWatch(bus, bus.js, {"PROGRESS": SMALL}, None)
    await watch.look()
    before = await titles(bus)
    for _ in range(12):
        await bus.publish_raw(RawMessage("progress.W.r", BODY, {}))
    await watch.look()
    await watch.look()

    assert before == []
    (title,) = await titles(bus)
    assert title.startswith("PROGRESS is 10")
    assert "goes on growing" in title
    assert (await bus.js.stream_info("PROGRESS")).state.messages == 12


async def test_a_stream_that_is_trimmed_and_full_all_the_same_has_an_alert(bus: NatsBus) -> None:
    for _ in range(10):
        await bus.publish_raw(RawMessage("events.a", BODY, {}))
    await RoomWatch(bus, bus.js, {"EVENTS": SMALL}, None).look()

    (title,) = await titles(bus)
    assert title.startswith("EVENTS is 9")
    assert "then refuses" in title


async def test_a_full_disk_has_an_alert_again_if_it_was_mended_meanwhile(
    bus: NatsBus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch, full = RoomWatch(bus, bus.js, {}, tmp_path), Disk("temporal", tmp_path, free=0, size=2**30)
    found: list[list[Disk]] = [[full], [full], [], [full]]
    monkeypatch.setattr(room_watch, "disks", lambda _: found.pop(0))
    await bus.js.update_stream((await bus.js.stream_info("ALERTS")).config, duplicate_window=0.1)
    for _ in range(4):
        await watch.look()

    first, *_ = alerts = await titles(bus)
    assert len(alerts) in {1, 2}  # on one day they have one message id, which NATS knows for a moment
    assert first.startswith("The disk of temporal: it is full (0 B of 1.0 GiB")
    assert "no run begins or goes on" in first


async def test_a_run_that_keeps_decisions_from_being_trimmed_is_named(nats_settings: NatsSettings) -> None:
    at = datetime.now(UTC)
    limited = nats_settings.model_copy(update={"streams": {"DECISIONS": SMALL}})
    async with connect(nats_settings, source="perdure/test", within=5) as bus:
        await provision(bus.js, "operator", limited)
        for run, kind in (("ended", "completed"), ("Asking~1", "started")):
            fact = {"workflow": "W", "workflow_id": run, "run_id": "r", "sequence": 1, "kind": kind, "at": at}
            await bus.publish(Progress.model_validate(fact))
        for run in ("Asking~1", *["ended"] * 9):
            await bus.publish_raw(RawMessage(f"decisions.{to_token(run)}", BODY, {}))
        await RoomWatch(bus, bus.js, {"DECISIONS": SMALL}, None).look()
        (title,) = await titles(bus)
        await bus.delete("DECISIONS", 1)
        oldest_has_ended = await kept_decisions(bus)

    assert title.endswith(
        "the run Asking~1 is open, and keeps every decision from DECISIONS 1 on: answer its requests, or end it with "
        "`perdure runs cancel Asking~1`"
    )
    assert oldest_has_ended is None

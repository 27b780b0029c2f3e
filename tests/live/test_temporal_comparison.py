"""Each start, signal and ending in Temporal's histories has its leaf; what came past Perdure is found."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import create_async_engine
from temporalio.client import Client

from perdure.bus import RawMessage
from perdure.client.erasing import settle
from perdure.client.temporal_comparison import FRESH, TemporalComparison, runs_without_leaves
from perdure.config.settings import TemporalSettings
from perdure.connections.temporal import open_client
from perdure.ledger import Leaf
from perdure.record.database import leaves_of
from perdure.record.published_notes import newest_published
from tests.support.command_line import perdure_of
from tests.support.suite import World, shared_world

pytestmark = pytest.mark.asyncio(loop_scope="module")

CODE = Path(__file__).parents[1] / "support" / "personal.py"
ROUTES = [
    {"on": "person.came", "start": "Greet"},
    {"on": "person.stays", "start": "Keep"},
    {"on": "person.left", "signal": "end", "workflow_id": "Keep~{data.who}"},
]
HONEST = 200

shared = shared_world(workflows=["personal"], routes=ROUTES, modules={"personal.py": CODE.read_text()})


async def compared(world: World, keep: Callable[[Leaf], bool] = lambda _: True) -> TemporalComparison:
    async def leaves() -> AsyncIterator[list[Leaf]]:
        async with engine.connect() as connection:
            async for some in leaves_of(connection):
                yield [leaf for leaf in some if keep(leaf)]

    await settle(world.bus)
    engine = create_async_engine(f"sqlite+aiosqlite:///{world.settings.state}/audit/audit.db")
    try:
        return await runs_without_leaves(world.bus, leaves(), fresh=timedelta())
    finally:
        await engine.dispose()


async def temporal(world: World) -> Client:
    host, _, port = world.suite.endpoints.temporal.rpartition(":")
    return await open_client(TemporalSettings(host=host, port=int(port)))


async def begun(world: World, run: str) -> None:
    async with asyncio.timeout(60):
        while run not in await world.facts():
            await asyncio.sleep(0.1)


async def about(world: World, run: str) -> list[str]:
    return [it.text for it in (await compared(world)).faults if f"The run {run} " in it.text]


@pytest.mark.timeout(600)
async def test_honest_runs_raise_no_fault_however_they_began_and_ended(shared: World) -> None:
    await shared.publish("person.stays", b'{"name": "Ada"}', Nats_Msg_Id="by-bus")
    await shared.publish("person.stays", b'{"name": "Ada"}', Nats_Msg_Id="by-route")
    await shared.publish("person.stays", b'{"name": "Ada"}', Nats_Msg_Id="ended")
    for run in ("by-bus", "by-route", "ended"):
        await begun(shared, f"Keep~{run}")
    await shared.bus.publish_raw(RawMessage("signals.Keep~by-bus.end", b"", {}))
    await shared.publish("person.left", b'{"who": "by-route"}', Nats_Msg_Id="left")
    ended = await perdure_of(shared.settings.state, "runs", "terminate", "Keep~ended", "--reason", "test")
    assert ended.returncode == 0, ended.stderr
    await shared.stories("Keep~by-bus", "Keep~by-route", "Keep~ended", within=120)
    for number in range(HONEST):
        await shared.publish("person.came", json.dumps({"name": f"n{number}"}).encode(), Nats_Msg_Id=f"n{number}")
    await shared.ended(HONEST + 2, within=500)  # one is terminated

    comparison = await compared(shared)

    assert comparison.faults == []
    assert comparison.compared == HONEST + 3
    assert comparison.notes == []


async def test_a_run_that_was_started_past_perdure_is_found(shared: World) -> None:
    client = await temporal(shared)
    await client.start_workflow("Greet", {"name": "Eve"}, id="by-hand", task_queue=shared.settings.temporal.task_queue)
    await shared.stories("by-hand")

    assert [text.partition(", ")[2] for text in await about(shared, "by-hand")] == [
        "and no leaf of a start is there: somebody started it past Perdure."
    ]


async def test_a_signal_that_was_sent_past_the_bus_is_found(shared: World) -> None:
    await shared.publish("person.stays", b'{"name": "Ada"}', Nats_Msg_Id="poked")
    await begun(shared, "Keep~poked")
    await (await temporal(shared)).get_workflow_handle("Keep~poked").signal("end")
    await shared.stories("Keep~poked")

    (text,) = await about(shared, "Keep~poked")
    assert "received the signal end, and no leaf of it is there" in text


async def test_a_start_with_the_id_of_an_honest_run_and_other_data_is_found(shared: World) -> None:
    """Temporal takes an id again once its run was deleted."""
    await shared.publish("person.came", b'{"name": "Ada"}', Nats_Msg_Id="twin")
    await shared.stories("Greet~twin")
    client = await temporal(shared)
    memo = {"perdure_event_digest": "0" * 64}
    queue = shared.settings.temporal.task_queue
    await client.start_workflow("Greet", {"name": "Eve"}, id="Greet~twin", task_queue=queue, memo=memo)
    await client.get_workflow_handle("Greet~twin").result()
    async with asyncio.timeout(60):
        while len({it.run_id for it in (await shared.facts())["Greet~twin"] if it.kind == "completed"}) < 2:
            await asyncio.sleep(0.1)

    (text,) = await about(shared, "Greet~twin")
    assert "somebody started it past Perdure" in text


@pytest.mark.timeout(600)
async def test_the_command_line_finds_it_in_the_database_and_in_an_export(shared: World, tmp_path: Path) -> None:
    """A run is compared once it ended a minute before the record's newest message."""
    client = await temporal(shared)
    await client.start_workflow("Greet", {"name": "Eve"}, id="by-cli", task_queue=shared.settings.temporal.task_queue)
    await shared.publish("person.came", b'{"name": "Ada"}', Nats_Msg_Id="honest-cli")
    await shared.stories("by-cli", "Greet~honest-cli")
    await publish_until_old(shared, "by-cli")
    exported = await perdure_of(shared.settings.state, "audit", "export", str(tmp_path / "record"))
    assert exported.returncode == 0, exported.stderr

    for where in ([], [str(tmp_path / "record")]):
        found = await perdure_of(shared.settings.state, "audit", "verify", *where, "--temporal", "--json")
        shown = await perdure_of(shared.settings.state, "audit", "verify", *where, "--temporal")
        without = await perdure_of(shared.settings.state, "audit", "verify", *where, "--json")

        assert (found.returncode, shown.returncode, without.returncode) == (1, 1, 0), found.stderr
        result = json.loads(found.stdout)
        assert result["verdicts"] == {"integrity": True, "completeness": False, "freshness": True}
        texts = [it["text"] for it in result["faults"]]
        assert [it for it in texts if "The run by-cli " in it and "past Perdure" in it]
        assert [it for it in texts if "honest-cli" in it] == []
        assert result["temporal"]["compared"] >= 2
        assert f"Temporal: {result['temporal']['compared']:,} runs compared with the leaves" in shown.stdout
        for note in result["temporal"]["notes"]:
            assert note.partition(" ")[2] in shown.stdout


async def publish_until_old(world: World, run: str) -> None:
    """Go on publishing until a message was stored, and signed for, more than a minute after a run's end."""
    (ended,) = [it for it in (await world.facts())[run] if it.kind == "completed"]
    old = ended.at + FRESH + timedelta(seconds=2)
    while datetime.now(UTC) < old:
        await asyncio.sleep(1)
    await world.publish("person.nobody", b"{}", Nats_Msg_Id="later")
    await settle(world.bus)
    async with asyncio.timeout(60):
        while (newest := await newest_published(world.bus, "perdure")) is None or newest.stored_at < old:
            await asyncio.sleep(0.2)


@pytest.mark.parametrize(
    ("stream", "part", "problem"),
    [("PROGRESS", ".ended.", "this ending"), ("COMMANDS", "start.", "a start")],
)
async def test_a_deleted_leaf_is_found_by_what_temporal_still_has(
    shared: World, stream: str, part: str, problem: str
) -> None:
    name = f"deleted-{stream.lower()}"
    await shared.publish("person.came", b'{"name": "Ada"}', Nats_Msg_Id=name)
    (ending,) = (it for it in (await shared.stories(f"Greet~{name}"))[f"Greet~{name}"] if it.kind == "completed")

    def is_it(leaf: Leaf) -> bool:
        entry = json.loads(leaf[1])
        message_id = entry.get("headers", {}).get("Nats-Msg-Id", "")
        return entry["stream"] == stream and part in message_id and (name in message_id or ending.run_id in message_id)

    comparison = await compared(shared, keep=lambda leaf: not is_it(leaf))

    (text,) = [it.text for it in comparison.faults if f"Greet~{name} " in it.text]
    assert f"and no leaf of {problem} is there" in text


async def test_a_run_that_temporal_has_removed_is_no_fault_and_is_counted(shared: World) -> None:
    await shared.publish("person.came", b'{"name": "Ada"}', Nats_Msg_Id="removed")
    await shared.stories("Greet~removed")
    await settle(shared.bus)

    await perdure_of(shared.settings.state, "audit", "erase", "Greet~removed", "--act", "--by", "ada", "--why", "asked")

    comparison = await compared(shared)
    assert [it for it in comparison.faults if "removed" in it.text] == []
    assert [it.partition(" ")[0] for it in comparison.notes if "removed or erased" in it] == ["1"]

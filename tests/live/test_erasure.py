"""A person's content leaves record, streams, buckets and Temporal; the leaves, the order and other people's stay."""

import asyncio
import json
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from nats.js.errors import NotFoundError
from sqlalchemy.ext.asyncio import create_async_engine
from temporalio.service import RPCError

from perdure.bus import NatsKeyValue, NatsObjects, RawMessage, decode
from perdure.client.erasing import ContentBuckets, finish, order_erasure, settle
from perdure.client.erasure_plan import plan_erasure
from perdure.config.settings import TemporalSettings
from perdure.connections.temporal import open_client
from perdure.contracts import Erasure
from perdure.errors import NotKept
from perdure.flow.payload_store import PAYLOADS
from perdure.ledger import Kept, Verification
from perdure.record.database import leaves_of
from tests.support.command_line import perdure_of, printed
from tests.support.fuse import Fuse, Fused, Killed
from tests.support.suite import World, shared_world

pytestmark = pytest.mark.asyncio(loop_scope="module")

CODE = Path(__file__).parents[1] / "support" / "personal.py"
ROUTES = [
    {"on": "person.came", "start": "Greet"},
    {"on": "person.stays", "start": "Keep"},
    {"on": "person.decides", "start": "Asking"},
]
NUMBERS = count(1)

shared = shared_world(workflows=["workshop", "personal"], routes=ROUTES, modules={"personal.py": CODE.read_text()})


async def greeted(world: World, *, times: int = 1, type_: str = "person.came") -> tuple[str, str]:
    """Publish an event about somebody new and wait until its run has completed, or has begun; return run and name."""
    number = next(NUMBERS)
    event, name = f"p{number}", f"Ada-Nr{number}-of-Lovelace"
    body = json.dumps({"name": name, "times": times}).encode()
    await world.publish(type_, body, Nats_Msg_Id=event, customer=name)
    run = f"{'Greet' if type_ == 'person.came' else 'Keep'}~{event}"
    if type_ == "person.came":
        await world.stories(run)
    else:
        async with asyncio.timeout(60):
            while run not in await world.facts():
                await asyncio.sleep(0.1)
    await settle(world.bus)
    return run, name


def state_of(world: World) -> ContentBuckets:
    return ContentBuckets(NatsKeyValue(world.bus.js, "VERIFICATIONS"), NatsKeyValue(world.bus.js, "NOTICES"))


async def erase(world: World, *words: str) -> list[dict[str, Any]]:
    done = await perdure_of(
        world.settings.state, "audit", "erase", *words, "--act", "--by", "ada", "--why", "asked", "--json"
    )
    assert done.returncode == 0, done.stderr
    return printed(done)


async def kept(world: World) -> list[tuple[int, bytes, Kept | None]]:
    engine = create_async_engine(f"sqlite+aiosqlite:///{world.settings.state}/audit/audit.db")
    async with engine.connect() as connection:
        found = [leaf async for some in leaves_of(connection) for leaf in some]
    await engine.dispose()
    return found


async def faults(world: World) -> list[str]:
    verification = Verification([])
    for leaf in await kept(world):
        verification.take(*leaf)
    return [it.text for it in verification.faults() if it.verdict != "freshness"]


async def where_is(world: World, name: str) -> set[str]:
    """Return the streams and tables that still have a name."""
    found = {f"record:{it.stream}" for _, _, it in await kept(world) if it and it.body and name.encode() in it.body}
    for info in await world.bus.js.streams_info():
        stream, sequence = str(info.config.name), 0
        while (message := await next_message(world, stream, sequence)) is not None:
            sequence = message.seq
            if name.encode() in (message.data or b"") or name in str(message.headers):
                found.add(stream)
    return found


async def next_message(world: World, stream: str, after: int) -> Any:
    try:
        return await world.bus.js.get_msg(stream, seq=after + 1, subject=">", next=True)
    except NotFoundError:
        return None


async def is_known(world: World, run: str) -> bool:
    host, _, port = world.suite.endpoints.temporal.rpartition(":")
    client = await open_client(TemporalSettings(host=host, port=int(port)))
    try:
        await client.get_workflow_handle(run).describe()
    except RPCError:
        return False
    return True


async def test_a_person_is_gone_everywhere_and_the_ledger_still_proves_itself(shared: World) -> None:
    run, name = await greeted(shared)
    other, other_name = await greeted(shared)
    assert {"EVENTS", "COMMANDS", "PROGRESS", "record:EVENTS"} <= await where_is(shared, name)

    _, done = await erase(shared, run)

    assert await where_is(shared, name) == set()
    assert (await is_known(shared, run), await is_known(shared, other)) == (False, True)
    assert (done["runs"], done["left"]) == (1, [])
    assert done["records"] == done["messages"] > 3
    assert {"EVENTS", "COMMANDS", "PROGRESS"} <= await where_is(shared, other_name)
    assert await faults(shared) == []
    orders = [decode(it.raw) async for it in shared.bus.read("admin.erasure.>")]
    mine = [it for it in orders if isinstance(it, Erasure) and run in it.runs]
    assert [(it.act, it.by, it.why) for it in mine] == [("ordered", "ada", "asked"), ("done", "ada", "asked")]
    assert name not in str(mine)


async def test_without_act_nothing_changes_and_all_that_would_go_is_listed(shared: World) -> None:
    run, name = await greeted(shared)
    before = await where_is(shared, name)

    plan = await perdure_of(shared.settings.state, "audit", "erase", run)

    assert plan.returncode == 0
    assert f"Runs that Temporal forgets: {run}." in plan.stdout
    assert "Would erase" in plan.stdout
    assert "Nothing was changed." in plan.stdout
    assert await where_is(shared, name) == before


async def test_an_event_a_place_and_a_text_mean_the_same_as_the_run(shared: World) -> None:
    run, name = await greeted(shared)
    plan = await plan_erasure(shared.bus, run)
    [place] = [it for it in plan.messages if it.stream == "EVENTS"]

    for what, text in ((run.partition("~")[2], None), (f"EVENTS:{place.sequence}", None), (None, name)):
        assert await plan_erasure(shared.bus, what, containing=text) == plan


async def test_an_open_run_is_named_and_left_with_all_that_it_may_read(shared: World) -> None:
    run, name = await greeted(shared, type_="person.stays")
    before = await where_is(shared, name)

    (plan,) = await erase(shared, run)

    assert plan["open_runs"] == {run: "it is running"}
    assert (plan["messages"], await where_is(shared, name)) == ([], before)
    await shared.bus.publish_raw(RawMessage(f"signals.{run}.end", b"", {}))
    await shared.stories(run)
    await erase(shared, run)
    assert await where_is(shared, name) == set()


async def test_large_payloads_of_the_run_go_too(shared: World) -> None:
    run, name = await greeted(shared, times=40_000)
    objects = NatsObjects(shared.bus.js, PAYLOADS)
    assert f"OBJ_{PAYLOADS}" in await where_is(shared, name)

    _, done = await erase(shared, run)

    assert done["payloads"] >= 1
    assert await where_is(shared, name) == set()
    with pytest.raises(NotKept):
        await objects.get("0" * 64)


async def test_what_was_erased_says_so_to_everybody_who_asks(shared: World) -> None:
    run, name = await greeted(shared)
    event = run.partition("~")[2]
    await erase(shared, run)

    for words in (("runs", "show", run), ("runs", "show", event), ("explain", run), ("explain", event)):
        said = await perdure_of(shared.settings.state, *words)
        assert (said.returncode, "erased on" in said.stderr, "by ada: asked" in said.stderr) == (4, True, True), words
    tail = printed(await perdure_of(shared.settings.state, "audit", "tail", "--run", run, "-n", "50", "--json"))
    assert [it["text"].partition(" on ")[0] for it in tail if it["erased"]] == ["(erased"] * len(tail)
    assert name not in str(tail)


async def test_an_erased_request_and_an_erased_dead_letter_say_so_too(shared: World) -> None:
    await shared.publish("person.decides", b'{"title": "Pay"}', Nats_Msg_Id="decides")
    request = "Asking~decides.1"
    async with asyncio.timeout(60):
        while not await shared.bus.count_by_subject("approvals.requested.Asking.*"):
            await asyncio.sleep(0.1)
    await perdure_of(shared.settings.state, "runs", "cancel", "Asking~decides")
    await shared.stories("Asking~decides")
    await shared.publish("nobody.takes", b'{"name": "Eve"}', Nats_Msg_Id="refused")
    await shared.dead_letters(1)
    number = await shared.last("DLQ")
    await settle(shared.bus)

    for what in ("decides", "refused"):
        await erase(shared, what)

    commands = [("approvals", "show", request), ("explain", request), ("dlq", "show", str(number))]
    for words in (*commands, ("dlq", "resend", str(number)), ("explain", f"DLQ:{number}"), ("explain", str(number))):
        told = await perdure_of(shared.settings.state, *words)
        assert (told.returncode, "erased on" in told.stderr, "by ada: asked" in told.stderr) == (4, True, True), told


async def test_an_event_that_is_sent_again_after_its_erasure_starts_nothing(shared: World) -> None:
    run, name = await greeted(shared)
    await erase(shared, run)
    body = json.dumps({"name": name, "times": 1}).encode()

    await shared.publish("person.came", body, Nats_Msg_Id=run.partition("~")[2], customer=name)
    await greeted(shared)
    await settle(shared.bus)

    assert run not in await shared.facts()


async def test_an_erasure_goes_on_wherever_its_process_was_killed(shared: World) -> None:
    run, name = await greeted(shared, times=40_000)
    plan = await plan_erasure(shared.bus, run)
    await order_erasure(shared.bus, plan, by="ada", why="asked")  # killed right after it

    for kills in count(1):
        fused = Fused(shared.bus, Fuse(kills))
        try:
            again = [order.runs async for order, _ in finish(fused, state_of(shared))]
        except Killed:
            continue
        break

    assert again in ([(run,)], []), "none if it was killed right after its end"
    assert kills > 2 * len(plan.messages), "each time a call further, with what was done before"
    assert await where_is(shared, name) == set()
    assert not await is_known(shared, run)
    assert await faults(shared) == []
    assert [it async for it in finish(shared.bus, state_of(shared))] == []


async def test_an_erasure_that_was_not_ordered_was_not_begun(shared: World) -> None:
    run, name = await greeted(shared)
    plan, before = await plan_erasure(shared.bus, run), await where_is(shared, name)

    with pytest.raises(Killed):
        await order_erasure(Fused(shared.bus, Fuse(1)), plan, by="ada", why="asked")

    assert [it async for it in finish(shared.bus, state_of(shared))] == []
    assert await where_is(shared, name) == before

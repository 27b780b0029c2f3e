"""A paused suite starts nothing, loses nothing, and does all of it once it goes on, whatever is killed meanwhile."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress

from perdure.bus import RawMessage, decode
from perdure.contracts import PauseChanged
from perdure.errors import Unavailable
from perdure.runtime.background import background
from tests.support.command_line import perdure_of, printed
from tests.support.suite import World, gaps

OpenWorld = Callable[..., AbstractAsyncContextManager[World]]

AFTER = 50  # events that are published in the pause, at least
VICTIMS = ("nats", "temporal", "ingest", "orchestrator", "notifier", "audit")


async def test_under_load_and_kills_nothing_begins_in_a_pause_and_everything_runs_after_it(world: OpenWorld) -> None:
    async with world() as here:
        state = here.settings.state
        await here.publish("work.patient", b"{}", Nats_Msg_Id="early")
        await here.publish("work.chained", b'{"steps": 40}', Nats_Msg_Id="long")
        published = 0

        async def load() -> None:
            nonlocal published
            while True:
                with suppress(Unavailable):  # NATS is killed meanwhile; the id makes a second attempt harmless
                    await here.publish("work.quick", b"{}", Nats_Msg_Id=f"e{published}")
                    published += 1
                await asyncio.sleep(0.1)

        async with asyncio.timeout(60):
            while not here.log.exists() or len(here.executions().get("Chain~long", ())) < 2:
                await asyncio.sleep(0.1)
        async with background(load()):
            await asyncio.sleep(1)
            (record,) = printed(await perdure_of(state, "pause", "--reason", "double payments", "--json"))
            await asyncio.sleep(1)  # the step that ran at the pause ends
            before, at = here.log.read_text(), published
            for victim in VICTIMS:
                here.suite.supervisor.kill(victim)
            for victim in VICTIMS:
                await here.suite.supervisor.ready(victim)
            await here.bus.publish_raw(RawMessage("signals.Patient=7Eearly.go", b"", {}))
            async with asyncio.timeout(60):
                while published < at + AFTER:
                    await asyncio.sleep(0.2)
            doctor = await perdure_of(state, "doctor")
            await asyncio.sleep(3)
            during = here.log.read_text()
        deployed = await perdure_of(state, "deploy")
        again = await perdure_of(state, "pause", "--reason", "once more")
        resumed = await perdure_of(state, "resume", "--reason", "mended")
        facts = await here.completed(published + 2, within=200)
        acts = [decode(it.raw) async for it in here.bus.read("admin.pause.*")]
        executed = here.executions()

    assert during == before
    assert (record["changed"], record["what"], record["reason"]) == (True, "suite", "double payments")
    assert "double payments" in doctor.stdout
    assert "`perdure resume`" in doctor.stdout
    assert doctor.returncode == 1
    assert (deployed.returncode, "No worker of new code can begin" in deployed.stderr) == (1, True)
    assert "Nothing was changed" in again.stdout
    assert resumed.returncode == 0, resumed.stderr
    assert [(it.act, it.reason) for it in acts if isinstance(it, PauseChanged)] == [
        ("paused", "double payments"),
        ("resumed", "mended"),
    ]
    assert {run for run, story in facts.items() if gaps(story)} == set()
    assert {run: steps for run, steps in executed.items() if run.startswith("Quick") and steps != [0, 1]} == {}
    assert executed["Chain~long"] == list(range(40))


async def test_a_paused_route_holds_its_starts_and_no_others_across_kills_of_ingest(world: OpenWorld) -> None:
    routes = [
        {"on": "work.quick", "start": "Quick"},
        {"on": "work.limited", "start": "Quick", "name": "limited", "flow": {"max_open": 2}},
        {"on": "work.other", "start": "Quick", "name": "other"},
        {"on": "work.go", "signal": "go", "name": "going", "workflow_id": "x"},
    ]
    names = [*(f"Quick~q{number}" for number in range(8)), *(f"limited~l{number}" for number in range(8))]
    async with world(routes=routes) as here:
        state = here.settings.state
        for route in ("Quick", "limited"):
            printed(await perdure_of(state, "routes", "pause", route, "--reason", "doubles", "--json"))
        refused = await perdure_of(state, "routes", "pause", "going", "--reason", "doubles")
        for number in range(8):
            await here.publish("work.quick", b"{}", Nats_Msg_Id=f"q{number}")
            await here.publish("work.limited", b"{}", Nats_Msg_Id=f"l{number}")
            if number == 4:
                here.suite.supervisor.kill("ingest")
        await here.publish("work.other", b"{}", Nats_Msg_Id="o")
        await here.stories("other~o")
        await asyncio.sleep(2)
        during = set(here.executions())
        listed = {it["name"]: it["paused"] for it in printed(await perdure_of(state, "routes", "list", "--json"))}
        shown = await perdure_of(state, "runs", "show", "q1")
        doctor = await perdure_of(state, "doctor")
        for route in ("Quick", "limited"):
            printed(await perdure_of(state, "routes", "resume", route, "--json"))
        facts = await here.completed(len(names) + 1)
        checked = await perdure_of(state, "admin", "check")
        left = await perdure_of(state, "routes", "waiting", "--json")

    assert during == {"other~o"}
    assert "doubles" in listed["Quick"]
    assert "doubles" in listed["limited"]
    assert listed["other"] is None
    assert (refused.returncode, "signals do not wait" in refused.stderr) == (2, True)
    assert "pause" in shown.stderr
    assert "perdure routes resume Quick" in doctor.stdout
    assert set(names) <= set(facts)
    assert checked.returncode == 0, checked.stdout
    assert [it["waiting"] for it in printed(left)] == [0]

"""A start that a route holds is a run that people can name: they wait for it, look at it and cancel it."""

import asyncio
import json

import pytest

from perdure.bus import decode
from perdure.contracts import EventVerdict, RunActed
from tests.support.command_line import perdure_of, published_run
from tests.support.suite import World, shared_world

pytestmark = pytest.mark.asyncio(loop_scope="module")

live = shared_world(routes=[{"on": "work.patient", "start": "Patient", "flow": {"max_open": 1}}])


async def command(live: World, *arguments: str) -> tuple[int, str]:
    done = await perdure_of(live.settings.state, *arguments)
    return done.returncode, done.stdout + done.stderr


async def test_a_held_start_is_cancelled_by_the_id_of_its_run_or_of_its_event(live: World) -> None:
    for event in ("open", "by-run", "by-event", "last"):
        assert (await command(live, "publish", "work.patient", "{}", "--id", event))[0] == 0
    run = {event: published_run("Patient", event) for event in ("open", "by-run", "by-event", "last")}
    await held(live, 3)

    shown = await command(live, "runs", "show", run["by-run"])
    by_run = await command(live, "runs", "cancel", run["by-run"])
    by_event = await command(live, "runs", "cancel", "by-event", "--reason", "left us", "--json")
    again = await command(live, "runs", "cancel", "by-event")
    unknown = await command(live, "runs", "cancel", "Patient~nothing")
    assert (await command(live, "runs", "cancel", run["open"], "--wait"))[0] == 0
    assert (await command(live, "runs", "signal", run["last"][:-4], "go", "--early"))[0] == 0
    result = await command(live, "result", run["last"], "--wait")

    assert (shown[0], "holds it by max_open" in " ".join(shown[1].split())) == (3, True)
    assert by_run == (
        0,
        f"{run['by-run']}: done. Route Patient held its start: no run comes of the event by-run there.\n",
    )
    cancelled = json.loads(by_event[1])
    assert (by_event[0], cancelled["workflow_id"], cancelled["outcome"]) == (0, run["by-event"], "done")
    assert cancelled["detail"] == "Route Patient held its start: no run comes of the event by-event there."
    assert (again[0], "an operator cancelled it while it waited" in again[1]) == (1, True)
    assert (unknown[0], "Nothing has the id" in unknown[1]) == (4, True)
    assert result[0] == 0
    assert set(await live.facts()) == {run["open"], run["last"]}
    recorded = [decode(it.raw) async for it in live.bus.read("admin.run.*")]
    assert [(it.act, it.workflow_id, it.reason) for it in recorded if isinstance(it, RunActed)] == [
        ("cancelled", run["by-run"], ""),
        ("cancelled", run["by-event"], "left us"),
        ("cancelled", run["open"], ""),
        ("signalled", run["last"], ""),
    ]


async def held(live: World, count: int) -> None:
    """Wait until so many events are held."""
    found = set[str]()
    async with asyncio.timeout(30):
        async for message in live.bus.subscribe("verdicts.>", replay=True):
            verdict = decode(message.raw)
            if isinstance(verdict, EventVerdict) and verdict.routes[0].verdict == "held":
                found.add(verdict.event_id)
            if len(found) > count:  # the one that runs was held, too
                return

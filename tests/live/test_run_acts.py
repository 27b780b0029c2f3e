"""Operators pause, cancel, retry and rerun runs, one or many, each act once, with who and why on ADMIN."""

import asyncio
import json
from collections import defaultdict
from datetime import datetime, timedelta
from itertools import accumulate
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from perdure.bus import RawMessage, decode
from perdure.contracts import RunActed, to_token
from tests.support.command_line import perdure_of, printed
from tests.support.suite import World, gaps, shared_world

pytestmark = pytest.mark.asyncio(loop_scope="module")

CODE = Path(__file__).parents[1] / "support" / "keyed.py"
ROUTES = [
    {"on": "order.placed", "start": "Order"},
    {"on": "order.limited", "start": "Order", "name": "limited", "flow": {"max_open": 2}},
    {"on": "saga.placed", "start": "SagaOrder"},
    {"on": "waits.begun", "start": "Waits"},
    {"on": "asked", "start": "Asking"},
]

shared = shared_world(workflows=["keyed", "workshop"], routes=ROUTES, modules={"keyed.py": CODE.read_text()})


def steps(world: World) -> dict[str, list[str]]:
    found = defaultdict[str, list[str]](list)
    for line in world.log.read_text().splitlines() if world.log.exists() else ():
        run, step = line.rsplit(" ", 1)
        found[run].append(step)
    return found


async def acted(world: World, run: str) -> list[RunActed]:
    found = [decode(it.raw) async for it in world.bus.read(f"admin.run.{to_token(run)}")]
    return [it for it in found if isinstance(it, RunActed)]


async def command(world: World, *words: str) -> list[dict[str, Any]]:
    return printed(await perdure_of(world.settings.state, "runs", *words, "--json"))


async def open_runs(world: World, *runs: str) -> None:
    async with asyncio.timeout(60):
        while not set(runs) <= set(await world.facts()):
            await asyncio.sleep(0.1)


async def test_a_paused_run_begins_no_step_and_keeps_what_comes_for_it(shared: World) -> None:
    await shared.publish("waits.begun", b'{"amount": 3}', Nats_Msg_Id="p")
    await open_runs(shared, "Waits~p")
    (paused,) = await command(shared, "pause", "Waits~p", "--reason", "the bank asks")
    (again,) = await command(shared, "pause", "Waits~p")
    await shared.bus.publish_raw(RawMessage("signals.Waits=7Ep.go", b"", {}))
    await asyncio.sleep(3)
    during = steps(shared)["Waits~p"]
    shown = (await perdure_of(shared.settings.state, "runs", "show", "Waits~p")).stdout
    (resumed,) = await command(shared, "resume", "Waits~p", "--reason", "answered")
    stories = await shared.stories("Waits~p")

    assert [it["outcome"] for it in (paused, again, resumed)] == ["done", "already", "done"]
    assert during == []
    assert "the bank asks" in shown
    assert "PAUSED" in shown
    assert stories["Waits~p"][-1].result == 3
    assert [(it.act, it.reason) for it in await acted(shared, "Waits~p")] == [
        ("paused", "the bank asks"),
        ("resumed", "answered"),
    ]


async def test_a_failed_run_goes_on_at_the_failed_step_and_a_repeated_act_does_nothing(shared: World) -> None:
    (shared.folder / "revoked").touch()
    await shared.publish("order.placed", b'{"amount": 5}', Nats_Msg_Id="r")
    await shared.stories("Order~r")
    (shared.folder / "revoked").unlink()
    (done,) = await command(shared, "retry", "Order~r", "--reason", "new key", "--act", "mine")
    story = (await shared.ended_again("Order~r", "completed"))["Order~r"]
    (again,) = await command(shared, "retry", "Order~r", "--act", "mine")
    (other,) = printed_anyway(await perdure_of(shared.settings.state, "runs", "retry", "Order~r", "--json"))
    result = await perdure_of(shared.settings.state, "runs", "result", "Order~r", "--wait")
    shown = (await perdure_of(shared.settings.state, "runs", "show", "Order~r")).stdout

    assert (done["outcome"], again["outcome"], other["outcome"]) == ("done", "already", "refused")
    assert steps(shared)["Order~r"] == ["charge", "ask", "ask", "ship"]
    assert [fact.kind for fact in story if fact.kind in {"failed", "completed"}] == ["failed", "completed"]
    assert len({fact.run_id for fact in story}) == 2
    assert gaps(story) == set()
    assert result.stdout.strip() == "10"
    assert "retried" in shown
    assert "new key" in shown
    (record,) = await acted(shared, "Order~r")
    assert (record.act, record.reason, record.became) == ("retried", "new key", done["became"])


async def test_a_run_that_undid_its_steps_is_not_retried_but_run_anew(shared: World) -> None:
    (shared.folder / "revoked").touch()
    await shared.publish("saga.placed", b'{"amount": 5}', Nats_Msg_Id="s")
    await shared.stories("SagaOrder~s")
    (shared.folder / "revoked").unlink()
    refused = await perdure_of(shared.settings.state, "runs", "retry", "SagaOrder~s")
    (anew,) = await command(shared, "rerun", "SagaOrder~s", "--input", '{"amount": 7}', "--act", "anew")
    (again,) = await command(shared, "rerun", "SagaOrder~s", "--input", '{"amount": 7}', "--act", "anew")
    new = anew["became"]
    story = (await shared.stories(new))[new]
    shown = (await perdure_of(shared.settings.state, "runs", "show", new)).stdout

    assert refused.returncode == 1
    assert "refund" in refused.stdout
    assert "rerun" in refused.stdout
    assert (anew["outcome"], again["outcome"]) == ("done", "already")
    assert new != "SagaOrder~s"
    assert story[-1].result == 14
    assert steps(shared)["SagaOrder~s"] == ["charge", "ask", "refund"]
    assert steps(shared)[new] == ["charge", "ask"]
    assert "repeats SagaOrder~s" in shown
    (record,) = await acted(shared, "SagaOrder~s")
    assert (record.act, record.became) == ("rerun", new)


async def test_reruns_wait_for_the_slots_of_their_route(shared: World) -> None:
    (shared.folder / "revoked").touch()
    names = [f"limited~{number}" for number in range(5)]
    for number in range(5):
        await shared.publish("order.limited", b'{"amount": 1}', Nats_Msg_Id=str(number))
    await shared.stories(*names, within=90)
    (shared.folder / "revoked").unlink()
    where = 'PerdureRoute = "limited" AND ExecutionStatus = "Failed"'
    asked = await perdure_of(shared.settings.state, "runs", "rerun", "--where", where)
    meant = await command(shared, "rerun", "--where", where, "--dry-run")
    replies = await command(shared, "rerun", "--where", where, "--yes", "--act", "many")
    new = [it["became"] for it in replies]
    stories = await shared.stories(*new, within=90)

    assert asked.returncode == 2
    assert "5 runs" in asked.stderr
    assert {it["workflow_id"] for it in meant} == set(names)
    assert [it["outcome"] for it in replies] == ["done"] * 5
    assert {story[-1].kind for story in stories.values()} == {"completed"}
    changes = [(fact.at, 1) for story in stories.values() for fact in story if fact.kind == "started"]
    changes += [(fact.at, -1) for story in stories.values() for fact in story if fact.kind == "completed"]
    assert max(accumulate(change for _, change in sorted(changes))) <= 2


async def test_many_runs_are_cancelled_by_one_condition(shared: World) -> None:
    runs = [f"Waits~c{number}" for number in range(4)]
    for number in range(4):
        await shared.publish("waits.begun", b'{"amount": 1}', Nats_Msg_Id=f"c{number}")
    await open_runs(shared, *runs)
    where = 'PerdureRoute = "Waits" AND ExecutionStatus = "Running"'
    async with asyncio.timeout(30):
        while len(await command(shared, "cancel", "--where", where, "--dry-run")) < 4:
            await asyncio.sleep(0.5)
    replies = await command(shared, "cancel", "--where", where, "--reason", "left us", "--yes")
    stories = await shared.stories(*runs)

    assert {(it["workflow_id"], it["outcome"]) for it in replies} == {(run, "done") for run in runs}
    assert {story[-1].kind for story in stories.values()} == {"cancelled"}
    assert [(it.act, it.reason) for run in runs for it in await acted(shared, run)] == [("cancelled", "left us")] * 4


def printed_anyway(completed: CompletedProcess[str]) -> list[dict[str, Any]]:
    """Parse the output of a command whatever its exit code is."""
    return [json.loads(line) for line in completed.stdout.splitlines()]


async def test_many_runs_are_signalled_by_one_condition_each_once(shared: World) -> None:
    runs = [f"Waits~g{number}" for number in range(3)]
    for number in range(3):
        await shared.publish("waits.begun", b'{"amount": 1}', Nats_Msg_Id=f"g{number}")
    await open_runs(shared, *runs)
    where = 'PerdureRoute = "Waits" AND ExecutionStatus = "Running"'
    async with asyncio.timeout(30):
        while len(await command(shared, "signal", "--where", where, "go", "--dry-run")) < 3:
            await asyncio.sleep(0.5)
    sent = await command(shared, "signal", "--where", where, "go", "--reason", "all may go", "--yes", "--act", "go")
    stories = await shared.stories(*runs)

    assert {(it["workflow_id"], it["outcome"]) for it in sent} == {(run, "done") for run in runs}
    assert {story[-1].kind for story in stories.values()} == {"completed"}
    assert [(it.act, it.signal) for run in runs for it in await acted(shared, run)] == [("signalled", "go")] * 3


async def test_in_a_pause_of_the_suite_runs_are_cancelled_and_a_decision_in_time_counts_after_it(shared: World) -> None:
    state = shared.settings.state
    await shared.publish("waits.begun", b'{"amount": 1}', Nats_Msg_Id="i")
    await shared.publish("asked", b'{"title": "Pay?", "policy": {"timeout": 40}}', Nats_Msg_Id="a")
    await open_runs(shared, "Waits~i", "Asking~a")
    async with asyncio.timeout(60):
        while not (requests := printed(await perdure_of(state, "approvals", "list", "--json"))):
            await asyncio.sleep(0.2)
    (request,) = requests
    printed(await perdure_of(state, "pause", "--reason", "an incident", "--json"))
    (cancelled,) = await command(shared, "cancel", "Waits~i", "--reason", "in the pause")
    digest = str(request["digest"])
    deciding = asyncio.create_task(perdure_of(state, "approve", str(request["request_id"]), "--digest", digest))
    async with asyncio.timeout(40):
        while await shared.bus.last("decisions.Asking=7Ea") is None:
            await asyncio.sleep(0.1)
    decided_at = await shared.bus.server_time()
    expires_at = datetime.fromisoformat(str(request["expires_at"]))
    while await shared.bus.server_time() < expires_at + timedelta(seconds=1):
        await asyncio.sleep(0.5)
    during = await shared.facts()
    printed(await perdure_of(state, "resume", "--json"))
    stories = await shared.stories("Waits~i", "Asking~a")
    await deciding

    assert decided_at < expires_at
    assert cancelled["outcome"] == "done"
    assert {during[run][-1].kind for run in ("Waits~i", "Asking~a")} & {"cancelled", "completed"} == set()
    assert stories["Waits~i"][-1].kind == "cancelled"
    result = stories["Asking~a"][-1].result
    assert isinstance(result, dict)
    assert result["outcome"] == "approved"


async def test_the_check_of_the_suite_takes_what_operators_repeated_for_what_it_is(shared: World) -> None:
    checked = await perdure_of(shared.settings.state, "admin", "check")

    assert checked.returncode == 0, checked.stdout

"""Event in, answer out: the Python client, ``publish --wait`` and a bare request, on a whole suite."""

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator
from typing import Any

import nats
import pytest
import pytest_asyncio

from perdure.approvers import DigestMismatch
from perdure.client import Client, Conflict, NotFound, Pending, PerdureError, connect
from perdure.values.run_id import default_run_id
from tests.support.command_line import perdure_of, published_run
from tests.support.suite import World, shared_world

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROUTES: list[dict[str, Any]] = [
    {"on": "work.quick", "start": "Quick", "schema": {"required": ["steps"]}},
    {"on": "work.named", "start": "Chain", "workflow_id": "order-{data.order}"},
    {"on": "work.patient", "start": "Patient"},
    {"on": "work.asking", "start": "Asking"},
    {"on": "work.later", "start": "Quick", "name": "Later", "start_delay": "3s"},
    {"on": "work.lost", "start": "NobodyRegisteredThis"},
    *({"name": name, "on": "work.twice", "start": "Quick"} for name in ("one", "two")),
]

here = shared_world(routes=ROUTES, temporal={"task_timeout_seconds": 3, "signals_wait_seconds": 1})


@pytest_asyncio.fixture(loop_scope="module")
async def publisher(here: World) -> AsyncIterator[Client]:
    """A client as any program on this machine may open it: without a key."""
    async with connect(here.suite.endpoints.nats, role="publisher") as client:
        yield client


@pytest_asyncio.fixture(loop_scope="module")
async def operator(here: World, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Client]:
    """A client of the suite of this folder."""
    monkeypatch.setenv("PERDURE_STATE", str(here.settings.state))
    async with connect() as client:
        yield client


async def publish(here: World, *arguments: str) -> subprocess.CompletedProcess[str]:
    return await perdure_of(here.settings.state, "publish", *arguments)


async def test_a_program_without_a_key_publishes_an_event_and_gets_the_result(publisher: Client) -> None:
    event = await publisher.publish("work.named", {"steps": 2, "order": 7}, id="n-1")
    outcome = await publisher.wait(event, within=60)

    assert (outcome.state, event.duplicate) == ("completed", False)
    assert [(run.workflow_id, run.workflow, run.kind, run.result) for run in outcome.runs] == [
        ("order-7", "Chain", "completed", 2)
    ]
    assert await publisher.result("n-1", type="work.named", within=60) == 2


async def test_an_event_of_two_routes_has_two_results(publisher: Client) -> None:
    event = await publisher.publish("work.twice", {"steps": 1}, id="t-1")
    outcome = await publisher.wait(event, within=60)

    assert sorted(run.workflow_id.rsplit("~", 1)[0] for run in outcome.runs) == ["one~t-1", "two~t-1"]
    assert {run.kind for run in outcome.runs} == {"completed"}
    with pytest.raises(PerdureError, match="several runs"):
        await publisher.result(event)


async def test_what_became_a_dead_letter_says_why(publisher: Client) -> None:
    refused = [
        await publisher.publish("work.quick", {}, id="bad"),
        await publisher.publish("work.unknown", {}, id="stray"),
        await publisher.publish("work.lost", {}, id="lost"),
    ]
    outcomes = [await publisher.wait(event, within=60) for event in refused]

    assert [outcome.refused and outcome.refused.reason for outcome in outcomes] == [
        "bad_data",
        "no_route",
        "unknown_workflow",
    ]
    with pytest.raises(PerdureError, match=r"became dead letter \d+ \(bad_data\): .*'steps' is a required property"):
        await publisher.result("bad", type="work.quick")


async def test_an_id_is_one_event(publisher: Client) -> None:
    first = await publisher.publish("work.quick", {"steps": 1, "a": 2}, id="same")
    again = await publisher.publish("work.quick", {"a": 2, "steps": 1}, id="same")

    assert (again.stream_sequence, again.duplicate) == (first.stream_sequence, True)
    with pytest.raises(Conflict, match=f"EVENTS {first.stream_sequence}, which has other data. Nothing was stored"):
        await publisher.publish("work.quick", {"steps": 2}, id="same")


async def test_what_has_not_ended_and_what_nobody_published_are_told_apart(publisher: Client, operator: Client) -> None:
    event = await publisher.publish("work.patient", {}, id="p-1")
    async with asyncio.timeout(60):
        while (await publisher.wait(event, within=0)).state != "running":
            await asyncio.sleep(0.1)
    with pytest.raises(Pending):
        await publisher.result(event, within=0.2)
    with pytest.raises(NotFound):
        await publisher.wait("p-2", type="work.patient", within=5)

    assert await operator.find_run("p-1") == default_run_id("Patient", "p-1", "perdure/client")
    assert await operator.find_run("Patient~p") == default_run_id("Patient", "p-1", "perdure/client")


async def test_a_request_that_waits_is_decided(here: World, operator: Client) -> None:
    event = await operator.publish("work.asking", {"title": "Pay?"}, id="a-1")
    (key,) = here.settings.keys_folder.glob("*.pem")
    async with asyncio.timeout(60):
        while True:
            try:
                request = await operator.request("Asking~a-1")
            except NotFound:
                await asyncio.sleep(0.1)
            else:
                break
    with pytest.raises(DigestMismatch, match="not the request that you have seen"):
        await operator.decide("Asking~a-1", "approve", digest="0" * 64, key=key)
    receipt = await operator.decide("Asking~a-1", "approve", digest=request.digest, key=key, comment="Fine.")
    kinds = [fact.kind async for fact in operator.watch(request.workflow_id)]
    result = await operator.result(event, within=60)

    assert receipt.accepted
    assert kinds[-1] == "completed"
    assert isinstance(result, dict)
    assert result["comment"] == "Fine."


async def test_a_program_in_any_language_asks_by_request(here: World) -> None:
    client = await nats.connect(here.suite.endpoints.nats)
    subject, question = "queries.events.outcome.work.named", b'{"id": "raw-1"}'
    early = json.loads((await client.request(subject, question)).data)
    await client.jetstream().publish("events.work.named", b'{"steps": 1, "order": 8}', headers={"Nats-Msg-Id": "raw-1"})
    async with asyncio.timeout(60):
        while (reply := json.loads((await client.request(subject, question)).data))["state"] != "completed":
            await asyncio.sleep(0.1)
    await client.close()

    assert early["state"] == "unknown"
    assert [(run["workflow_id"], run["result"]) for run in reply["runs"]] == [("order-8", 1)]


async def test_the_command_publishes_and_prints_the_result(here: World) -> None:
    done = await publish(here, "work.named", '{"steps": 1, "order": 9}', "--id", "c-1", "--wait")
    as_json = await publish(here, "work.named", '{"steps": 1, "order": 9}', "--id", "c-1", "--wait", "--json")
    shown = json.loads(as_json.stdout)

    assert (done.returncode, done.stdout) == (0, "1\n"), done.stderr
    assert done.stderr.startswith("Published work.named as c-1 (EVENTS ")
    assert (shown["state"], shown["duplicate"], shown["runs"][0]["result"]) == ("completed", True, 1)


async def test_the_command_says_what_is_true(here: World) -> None:
    first = await publish(here, "work.quick", '{"steps": 1}', "--id", "d-1")
    again = await publish(here, "work.quick", '{"steps": 1}', "--id", "d-1")
    other = await publish(here, "work.quick", '{"steps": 2}', "--id", "d-1")
    refused = await publish(here, "work.quick", "{}", "--id", "d-2", "--wait")
    stray = await publish(here, "work.strange", "{}", "--wait", "--within", "30s")
    waits = await publish(here, "work.patient", "{}", "--id", "d-3", "--wait", "--within", "200ms")
    wrong = [await publish(here, "work quick"), await publish(here, "a", "--wait", "--within", "soon")]

    assert (first.returncode, again.returncode, other.returncode) == (0, 0, 1)
    assert first.stdout.startswith("Published work.quick as d-1 (EVENTS ")
    assert again.stdout.startswith("Already published work.quick as d-1 (EVENTS ")
    assert "nothing new was stored" in again.stdout
    assert "The id d-1 names another event" in other.stderr
    assert refused.returncode == stray.returncode == 1
    assert "(bad_data): " in refused.stdout
    assert "perdure dlq show" in refused.stdout
    assert "no route of this folder's configuration is for work.strange" in stray.stderr
    assert waits.returncode == 3
    assert "`perdure result d-3 --wait`" in waits.stderr
    assert [it.returncode for it in wrong] == [2, 2]


async def test_a_run_that_has_not_begun_is_watched_and_waited_for_by_its_event(here: World) -> None:
    state = here.settings.state
    await publish(here, "work.later", '{"steps": 1}', "--id", "l-1")
    early = await perdure_of(state, "result", "l-1")
    watched, waited = await asyncio.gather(
        perdure_of(state, "runs", "watch", "l-1", "--json"), perdure_of(state, "result", "l-1", "--wait")
    )
    unknown = await perdure_of(state, "runs", "watch", "l-2")

    assert (early.returncode, unknown.returncode) == (3, 4)
    assert (waited.returncode, waited.stdout) == (0, "1\n"), waited.stderr
    assert {json.loads(line)["workflow_id"] for line in watched.stdout.splitlines()} == {published_run("Later", "l-1")}
    assert "started" in {json.loads(line)["kind"] for line in watched.stdout.splitlines()}
    assert watched.returncode == 0

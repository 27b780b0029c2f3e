"""Each cause that `perdure explain` knows is caused on one running suite, and explained with its reason and remedy."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest
from temporalio.client import Client

from perdure.approvers import ApproversFile, SigningKey, sign
from perdure.approvers.enrolment import enrol, key_file
from perdure.bus import RawMessage
from perdure.bus.views.request_record import request_records
from perdure.contracts import Decision, to_token
from tests.support.command_line import perdure_of, printed
from tests.support.suite import World, open_world

pytestmark = pytest.mark.asyncio(loop_scope="module")

CODE = Path(__file__).parents[1] / "support" / "causes.py"
NOWHERE = "http://127.0.0.1:9/"  # the port "discard", at which nothing listens
MAIL = {"host": "127.0.0.1", "sender": "perdure@example.com", "tls": "none"}  # and nobody has an address
FAR = datetime.now(UTC) + timedelta(hours=12)


def route(name: str, start: str = "Patient", **options: Any) -> dict[str, Any]:
    return {"on": f"cause.{name.lower()}", **options, "name": name, "start": start}


ROUTES = [
    route("Quick", "Quick"),
    route("When", "Quick", when="data.size > 5"),
    route("Typed", "Quick", schema={"type": "object", "required": ["price"]}),
    route("Window", window={"opens": f"{FAR:%H:%M}", "closes": f"{FAR + timedelta(minutes=30):%H:%M}"}),
    route("Rate", "Quick", flow={"rate": "1/d"}),
    route("Open", flow={"max_open": 1}),
    route("Keyed", flow={"max_open_per_key": 1, "key": "data.key"}),
    route("Single", flow={"singleton": "queue", "key": "data.key"}),
    route("Skip", flow={"singleton": "skip", "key": "data.key"}),
    route("Bounce", flow={"debounce": "1h", "key": "data.key"}),
    route("Batch", flow={"batch": {"size": 9, "within": "1h"}}),
    route("Paused", "Quick"),
    route("Hidden", "Quick", when="data.size > 5", verdicts=False),
    route("Later", "Quick", start_delay="1h"),
    route("Elsewhere", "Quick", task_queue="nobody-polls-it"),
    route("Patient"),
    route("Slow", "Patient", run_timeout="1s"),
    route("Chain", "Chain"),
    route("Working", "Working"),
    route("Beside", "Quick", on="cause.hidden", when="data.size > 5"),
    route("Asking", "Asking"),
    route("Unnotified", "Unnotified"),
    route("Hurried", "Hurried"),
    route("Breaking", "Breaking"),
    route("Trying", "Trying"),
    route("Calling", "Calling"),
]

CONFIGURATION: dict[str, Any] = {
    "workflows": ["workshop", "causes"],
    "routes": ROUTES,
    "mcp": {"servers": {"absent": {"url": NOWHERE}}},
    "notifier": {
        "channels": {"screen": {"terminal": {}}, "dead": {"email": MAIL}},
        "routing": [
            {"workflows": ["Unnotified"], "channels": ["dead"]},
            {"workflows": ["Asking", "Hurried"], "channels": ["screen"]},
        ],
        "fallback": ["dead"],
    },
}
KEYED = b'{"key": 7}'
ASKS = b'{"title": "Send it", "policy": {"people": ["ada"]}}'
EVENTS = [  # route, id, data
    ("Quick", "done", b"{}"),
    ("When", "false", b'{"size": 3}'),
    ("Typed", "wrong", b"{}"),
    ("Typed", "dropped", b"{}"),
    ("Typed", "resent", b"{}"),
    ("Window", "window", b"{}"),
    ("Rate", "rate-1", b"{}"),
    ("Open", "open-1", b"{}"),
    ("Keyed", "keyed-1", KEYED),
    ("Single", "single-1", KEYED),
    ("Skip", "skip-1", KEYED),
    ("Bounce", "older", KEYED),
    ("Bounce", "newer", KEYED),
    ("Batch", "batch", b"{}"),
    ("Hidden", "hidden", b'{"size": 3}'),
    ("Later", "later", b"{}"),
    ("Elsewhere", "elsewhere", b"{}"),
    ("Patient", "signal", b"{}"),
    ("Patient", "paused", b"{}"),
    ("Patient", "cancelled", b"{}"),
    ("Patient", "terminated", b"{}"),
    ("Patient", "lost", b"{}"),
    ("Slow", "slow", b"{}"),
    ("Working", "busy", b"{}"),
    ("Chain", "bug", b"{}"),
    ("Asking", "asks", ASKS),
    ("Asking", "approved", ASKS),
    ("Asking", "rejected", ASKS),
    ("Asking", "withdrawn", ASKS),
    ("Unnotified", "unnotified", b"{}"),
    ("Hurried", "hurried", b"{}"),
    ("Breaking", "failed", b'{"reason": "no such file"}'),
    ("Trying", "tries", b'{"reason": "the printer is off"}'),
    ("Calling", "calls", b"{}"),
]
SECOND = [  # once the first of their routes runs
    ("Rate", "rate", b"{}"),
    ("Open", "open", b"{}"),
    ("Open", "unwanted", b"{}"),
    ("Keyed", "keyed", KEYED),
    ("Single", "single", KEYED),
    ("Skip", "skip", KEYED),
]
# What is explained, the cause, and what its reason and its remedy say.
NOTHING_HAPPENED = [
    ("nobody", "no_route", r"no_route", r"Add a route .*perdure dlq resend"),
    ("false", "no_match", r"data\.size is 3", r"Change `when` of route When"),
    ("window", "held_window", r"window of the route is closed", r"when the window opens"),
    ("rate", "held_rate", r"`rate` is used up", r"raise `flow\.rate`"),
    ("open", "held_max_open", r"`max_open` allows", r"raise `flow\.max_open`"),
    ("keyed", "held_max_open_per_key", r"with its key are open", r"perdure runs list --key"),
    ("single", "held_singleton", r"`singleton`", r"when that run ends"),
    ("newer", "held_debounce", r"no further event of its key", r"after that pause"),
    ("batch", "held_batch", r"batch .* is not full", r"when it is full"),
    ("route-paused", "held_pause", r"paused the route", r"perdure routes resume"),
    ("skip", "skipped", r"skipped", r"perdure explain Skip~skip-1"),
    ("older", "debounced", r"debounced_into", r"perdure explain EVENTS:\d+"),
    ("unwanted", "cancelled_start", r"operator cancelled it", r"under a new id"),
    ("@second", "duplicate", r"duplicate_of", r"perdure explain EVENTS:\d+"),
    ("wrong", "dead_letter", r"bad_data.*price", r"perdure dlq resend"),
    ("dropped", "dropped", r"had refused", r"under a new id"),
    ("asks", "waiting_person", r"1 missing, from ada", r"perdure approve"),
    ("unnotified", "channel_down", r"channel dead failed", r"Mend the channel"),
    ("elsewhere", "waiting_worker", r"No worker polls the task queue nobody-polls-it", r"Start it"),
    ("later", "delayed", r"start_delay|not before", r"Wait"),
    ("calls", "waiting_server", r"call_tool is at attempt", r"mend that server"),
    ("tries", "waiting_step", r"the printer is off", r"Temporal tries again"),
    ("paused", "paused", r"the bank asks", r"perdure runs resume"),
    ("Patient~lost", "lost", r"deleted at Temporal", r"under a new id"),
    ("nothing-of-this-name", "unknown", r"never stored", r"Compare the id"),
]
SOMETHING_HAPPENED = [
    ("done", "completed", r"Quick returned 1", r"perdure result"),
    ("failed", "failed", r"no such file", r"perdure runs show"),
    ("cancelled", "cancelled", r"reason", r"perdure runs show"),
    ("terminated", "terminated", r"reason", r"perdure runs show"),
    ("slow", "timed_out", r"reason", r"perdure runs show"),
    ("bug", "mended_code", r"KeyError: 'steps'", r"deploy"),
    ("busy", "running", r"work_long runs", r"perdure watch"),
    ("Patient~signal", "running", r"next step", r"perdure watch"),
    ("Asking~approved.1", "approved", r"ada \(approve\)", r"it is decided"),
    ("Asking~rejected.1", "rejected", r"ada \(reject\)|No vote|not this time", r"it is decided"),
    ("Asking~withdrawn.1", "withdrawn", r"No vote counts", r"Nobody can decide"),
    ("Hurried~hurried.1", "expired", r"No vote counts", r"Nobody can decide"),
    ("@resent", "resent", r"had refused", r"perdure explain resent"),
    ("@accepted", "decision_accepted", r"reason", r"perdure explain"),
    ("@refused", "decision_refused", r"reason", r"Sign it"),
    ("@early", "decision_waiting", r"begun", r"Wait"),
]
WHY_NOT = [
    ("Quick", "false", "not_named", r"No route Quick was for events of the type cause\.when", r"routes list"),
    ("Hidden", "hidden", "unreported", r"verdicts: false", r"verdicts: true"),
    ("When", "false", "no_match", r"data\.size is 3", r"Change `when`"),
]


class Asked:
    """A suite on which each cause has been caused, and the places of what has no id of its own."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.places: dict[str, str] = {}

    async def perdure(self, *arguments: str) -> list[dict[str, Any]]:
        return printed(await perdure_of(self.world.settings.state, *arguments, "--json"))

    async def publish(self, name: str, event: str, data: bytes) -> int:
        headers = {"Nats-Msg-Id": event}
        return await self.world.bus.publish_raw(RawMessage(f"events.cause.{name.lower()}", data, headers))

    async def explained(self, cause: str, *arguments: str) -> dict[str, Any]:
        """Explain something until its cause is this one; the last explanation is returned in any case."""
        found: dict[str, Any] = {}
        try:
            async with asyncio.timeout(20):
                while found.get("cause") != cause or found["silent"]:
                    done = await perdure_of(self.world.settings.state, "explain", *arguments, "--json")
                    found = {**printed(done)[0]} if done.returncode == 0 else {"cause": done.stdout or done.stderr}
                    if done.returncode == 4 and cause == "unknown":
                        (found,) = printed(type(done)(done.args, 0, done.stdout))
        except TimeoutError:
            pass
        return found

    async def silent(self, names: set[str], *arguments: str) -> dict[str, Any]:
        """Explain something until all of these and no others are named as silent."""
        found: dict[str, Any] = {"silent": None}
        async with asyncio.timeout(60):
            while set(found["silent"] or ()) != names:
                (found,) = printed(await perdure_of(self.world.settings.state, "explain", *arguments, "--json"))
        return found

    async def act(self, *arguments: str) -> None:
        done = await perdure_of(self.world.settings.state, *arguments)
        assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"

    async def open_runs(self, *runs: str) -> None:
        async with asyncio.timeout(90):
            while not set(runs) <= set(await self.world.facts()):
                await asyncio.sleep(0.2)

    async def request(self, run: str) -> str:
        """Wait for the only request of a run; return its digest."""
        async with asyncio.timeout(90):
            while not (found := await request_records(self.world.bus, run)):
                await asyncio.sleep(0.2)
        return found[0].request.digest

    async def dead_letter(self, event: int) -> int:
        """Wait for the dead letter of an event; return its number."""
        async with asyncio.timeout(90):
            async for message in self.world.bus.subscribe("dlq.ingest", replay=True):
                if json.loads(message.raw.body)["stream_sequence"] == event:
                    return message.sequence
        raise AssertionError(event)

    async def vote(self, name: str, run: str, digest: str, key: SigningKey | None) -> None:
        vote = Decision(
            workflow_id=run, request_id=f"{run}.1", decision="approve", approver="ada", digest=digest, nonce=name
        )
        self.places[name] = f"DECISIONS:{await self.world.bus.publish(vote if key is None else sign(vote, key))}"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def asked(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Asked]:
    modules = {"causes.py": CODE.read_text()}
    async with open_world(tmp_path_factory.mktemp("causes"), modules=modules, **CONFIGURATION) as world:
        found = Asked(world)
        await cause_all(found)
        yield found


async def cause_all(asked: Asked) -> None:
    world = asked.world
    enrol(ApproversFile(world.settings.approvers_file), world.settings.keys_folder, "ada", roles=[])
    await asked.act("routes", "pause", "Paused", "--reason", "the shop sends doubles")
    events = {event: await asked.publish(name, event, data) for name, event, data in EVENTS}
    await asked.publish("Paused", "route-paused", b"{}")
    await asked.publish("Nobody", "nobody", b"{}")
    ce = {"ce-specversion": "1.0", "ce-id": "twice", "ce-type": "cause.quick", "ce-source": "shop"}
    twice = [await world.bus.publish_raw(RawMessage("events.cause.quick", b"{}", ce)) for _ in range(2)]
    asked.places["second"] = f"EVENTS:{twice[1]}"

    await asked.act("dlq", "drop", str(await asked.dead_letter(events["dropped"])))
    await asked.open_runs("Rate~rate-1", "Open~open-1", "Keyed~keyed-1", "Single~single-1", "Skip~skip-1")
    for name, event, data in SECOND:
        await asked.publish(name, event, data)
    resent = await asked.dead_letter(events["resent"])
    await asked.act("dlq", "resend", str(resent))
    asked.places["resent"] = f"DLQ:{resent}"
    await asked.open_runs(*(f"Patient~{it}" for it in ("paused", "cancelled", "terminated", "lost")))
    await asked.act("runs", "cancel", "unwanted")
    await asked.act("runs", "pause", "Patient~paused", "--reason", "the bank asks")
    await asked.act("runs", "cancel", "Patient~cancelled", "--reason", "not wanted")
    await asked.act("runs", "terminate", "Patient~terminated", "--reason", "not wanted")
    for run, decision in (("Asking~approved", "approve"), ("Asking~rejected", "reject")):
        digest = await asked.request(run)
        reason = ("--reason", "not this time") if decision == "reject" else ()
        await asked.act(decision, f"{run}.1", "--as", "ada", "--digest", digest, *reason)
    await asked.request("Asking~withdrawn")
    await asked.act("runs", "cancel", "Asking~withdrawn")
    await asked.vote("refused", "Asking~asks", await asked.request("Asking~asks"), None)
    await asked.vote("early", "Window~window", "a" * 64, SigningKey.read(key_file(world.settings.keys_folder, "ada")))
    async for message in world.bus.read(f"decisions.{to_token('Asking~approved')}"):
        asked.places["accepted"] = f"DECISIONS:{message.sequence}"
    temporal = await Client.connect(world.suite.endpoints.temporal)
    lost = DeleteWorkflowExecutionRequest(
        namespace=temporal.namespace, workflow_execution=WorkflowExecution(workflow_id="Patient~lost")
    )
    await temporal.workflow_service.delete_workflow_execution(lost)


@pytest.mark.parametrize("wanted", NOTHING_HAPPENED + SOMETHING_HAPPENED, ids=lambda it: f"{it[0]}-{it[1]}")
async def test_what_was_caused_is_explained(asked: Asked, wanted: tuple[str, ...]) -> None:
    what, cause, why, remedy = wanted
    found = await asked.explained(cause, asked.places[what[1:]] if what.startswith("@") else what)

    assert (found["cause"], found.get("silent")) == (cause, []), found
    assert re.search(why, found["why"]["text"]), found
    assert re.search(remedy, found["remedy"]["text"]), found


@pytest.mark.parametrize("wanted", WHY_NOT, ids=lambda it: f"{it[0]}-{it[2]}")
async def test_why_a_route_took_no_event_is_explained(asked: Asked, wanted: tuple[str, ...]) -> None:
    name, what, cause, why, remedy = wanted
    found = await asked.explained(cause, "--why-not", name, what)

    assert found["cause"] == cause, found
    assert re.search(why, found["why"]["text"]), found
    assert re.search(remedy, found["remedy"]["text"]), found


async def test_while_the_whole_suite_is_paused_what_waits_is_explained_by_that(asked: Asked) -> None:
    await asked.act("pause", "--reason", "the bank reports doubles")
    await asked.publish("Quick", "stopped", b"{}")
    found = [await asked.explained("paused", it) for it in ("Patient~signal", "busy", "asks", "open", "stopped")]
    done = await asked.explained("completed", "done")
    await asked.act("resume", "--reason", "mended")
    after = await asked.explained("completed", "stopped")

    for it in found:
        assert it["cause"] == "paused", it
        assert "the bank reports doubles" in it["why"]["text"]
        assert it["why"]["places"][0].startswith("ADMIN:")
        assert "`perdure resume`" in it["remedy"]["text"]
    assert (done["cause"], after["cause"]) == ("completed", "completed")


async def test_with_each_part_down_in_turn_it_is_named_and_the_rest_is_explained(asked: Asked) -> None:
    supervisor, silent = asked.world.suite.supervisor, list[str]()
    found = {}
    for part in ("notifier", "audit", "ingest", "temporal", "orchestrator"):
        await supervisor.remove(part)
        if part == "orchestrator":
            silent.remove("Temporal")  # nobody is left who would know
        silent.append({"temporal": "Temporal"}.get(part, part))
        if part == "ingest":
            await asked.publish("Quick", "unread", b"{}")
        found[part] = await asked.silent(set(silent), "asks")
    unread = await asked.silent({"ingest", "audit"}, "unread")
    running = await asked.silent({"ingest", "orchestrator", "audit"}, "signal")
    await supervisor.remove("nats")
    without_nats = await perdure_of(asked.world.settings.state, "explain", "asks")

    assert {it["cause"] for it in found.values()} == {"waiting_person"}
    assert unread["cause"] == "not_read"
    assert "No ingest service answers" in unread["why"]["text"]
    assert running["cause"] == "waiting_worker"
    assert (without_nats.returncode, "--offline DIR" in without_nats.stderr) == (75, True)

"""Who may say and hear what: every forbidden pair is tried on a real nats-server with the files of deploy/nats.

What is expected is written down by hand, so that a slip in ``perdure.bus.permissions`` shows.
"""

import asyncio
import json
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

import nats
import pytest
from nats.aio.client import Client
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js.api import StreamConfig
from nats.js.errors import NotFoundError

from perdure.bus import NatsBus, connect
from perdure.bus.accounts import key_variable
from perdure.bus.jetstream.provision import provision
from perdure.config.settings import NatsSettings
from perdure.errors import SetupError, Unavailable
from perdure.local.nkeys import ensure_nkeys, seed_file
from perdure.local.program import http_ready
from tests.support.binaries import binary
from tests.support.ports import free_port

DEPLOY = Path(__file__).parents[2] / "deploy" / "nats"

ALL = "events commands progress approvals alerts decisions signals receipts notifications dlq"
QUEUES = {"ingest": "waiting latest", "notifier": "notices"}
SAYS = {
    "publisher": "events",
    "bot": "decisions",
    "ingest": "commands dlq waiting latest",
    "orchestrator": "progress approvals alerts receipts dlq",
    "notifier": "notifications decisions dlq notices",
    "audit": "dlq",
    "operator": f"{ALL} notices",  # a notice that no channel took is said again
}
HEARS = {"bot": "approvals alerts receipts progress", "operator": ALL}
READS = {
    "bot": "APPROVALS ALERTS RECEIPTS PROGRESS",
    "ingest": "PROGRESS",
    "orchestrator": "PROGRESS OBJ_PAYLOADS",
    "notifier": "APPROVALS PROGRESS RECEIPTS",
    "audit": "DLQ",
}
CONSUMERS = {
    "ingest": "EVENTS DLQ",
    "orchestrator": "COMMANDS DECISIONS SIGNALS",
    "notifier": "APPROVALS ALERTS",
    "audit": "EVENTS COMMANDS PROGRESS APPROVALS ALERTS DECISIONS SIGNALS RECEIPTS NOTIFICATIONS DLQ ADVISORIES",
}
BUCKETS = {"ingest": "STARTS FLOW", "orchestrator": "STARTS", "notifier": "NOTICES"}

BUCKET_STREAMS = ("KV_STARTS", "KV_FLOW", "KV_NOTICES", "OBJ_PAYLOADS")
ROLES = tuple(SAYS)
SERVICES = tuple(CONSUMERS)
STREAMS = (*ALL.upper().split(), "ADVISORIES", "WAITING", "LATEST", "NOTICES", *BUCKET_STREAMS)


@dataclass
class Server:
    where: str
    nkeys: Path

    def settings(self, role: str) -> NatsSettings:
        return NatsSettings(servers=(self.where,), nkey_seed_file=seed_file(self.nkeys, role))

    @asynccontextmanager
    async def speaking_as(self, role: str) -> AsyncIterator["Speaker"]:
        speaker = Speaker()
        prefix = {"publisher": "_INBOX", "team": "_INBOX_people"}.get(role, f"_INBOX_{role}")
        seed = str(seed_file(self.nkeys, role))
        speaker.client = await nats.connect(
            self.where, nkeys_seed=seed, inbox_prefix=prefix, error_cb=speaker.note, allow_reconnect=False
        )
        try:
            yield speaker
        finally:
            await speaker.client.close()

    def operator(self) -> AbstractAsyncContextManager[NatsBus]:
        return connect(self.settings("operator"), source="perdure/test", within=5)


@dataclass
class Speaker:
    client: Client = field(default_factory=Client)
    complaints: list[str] = field(default_factory=list)

    async def note(self, error: Exception) -> None:
        self.complaints.append(str(error).lower())

    async def may_say(self, subject: str, body: bytes = b"", reply: str = "") -> bool:
        """Tell whether NATS takes it: it complains before it answers a ping behind it."""
        await self.client.publish(subject, body, reply=reply)
        return await self._taken("publish", subject)

    async def may_hear(self, subject: str) -> bool:
        subscription = await self.client.subscribe(subject)
        taken = await self._taken("subscription", subject)
        if taken:
            await subscription.unsubscribe()
        return taken

    async def _taken(self, what: str, subject: str) -> bool:
        await self.client.flush()  # nats-py's ping overtakes what it has not sent yet
        await self.client.flush()
        new, self.complaints = self.complaints, []
        assert all(f'permissions violation for {what} to "{subject.lower()}"' in complaint for complaint in new), new
        return not new


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The files of deploy/nats, on ports of our own, and the team in them that is an example."""
    folder = shutil.copytree(DEPLOY, tmp_path_factory.mktemp("permissions") / "nats", dirs_exist_ok=True)
    keys = ensure_nkeys(folder / "seeds", [*ROLES, "team", "stranger"])
    client, monitor = free_port(), free_port()
    configuration = (folder / "nats.conf").read_text().replace("0.0.0.0:4222", f"127.0.0.1:{client}")
    configuration = configuration.replace("0.0.0.0:8222", f"127.0.0.1:{monitor}").replace("/data", str(folder / "data"))
    (folder / "nats.conf").write_text(configuration)
    before, _, example = (folder / "publishers.conf").read_text().partition("  # {nkey: UTHEIRS")
    team = f"{{nkey: {keys['team']}{example.replace('  # ', '')}"
    (folder / "publishers.conf").write_text(before + team)
    environment = {**os.environ, **{key_variable(role): keys[role] for role in ROLES}}
    command = [binary("nats-server"), "-c", str(folder / "nats.conf"), "-l", str(folder / "log")]
    with subprocess.Popen(command, env=environment) as process:
        found = Server(f"nats://127.0.0.1:{client}", folder / "seeds")
        try:
            asyncio.run(_prepared(found, monitor))
            yield found
        finally:
            process.terminate()


async def _prepared(server: Server, monitor: int) -> None:
    """Wait for the server; then each service makes what it needs, the first of them everything."""
    ready = http_ready(f"http://127.0.0.1:{monitor}/healthz?js-enabled-only=true")
    async with asyncio.timeout(20):
        while not await ready():
            await asyncio.sleep(0.05)
        for service in SERVICES:
            settings = server.settings(service)
            async with connect(settings, source=f"perdure/{service}", role=service, within=5) as bus:
                await provision(bus.js, service)


def subject(word: str, role: str) -> str:
    return f"dlq.{role}" if word == "dlq" and role in SERVICES else f"{word}.w.r"


def listed(table: dict[str, str], role: str) -> set[str]:
    return set(table.get(role, "").split())


@pytest.mark.parametrize("role", ROLES)
async def test_a_role_says_its_own_words_and_no_others(server: Server, role: str) -> None:
    words = [*ALL.split(), "waiting", "latest", "notices"]
    async with server.speaking_as(role) as speaker, server.operator() as operator:
        said = {word for word in words if await speaker.may_say(subject(word, role), b"{}")}
        stored = {word for word in said if await _stored(operator, word, subject(word, role))}

    assert said == stored == listed(SAYS, role)


async def _stored(operator: NatsBus, word: str, said: str) -> bool:
    try:
        await operator.js.get_last_msg(word.upper(), said)
    except NotFoundError:
        return False
    return True


@pytest.mark.parametrize("role", ROLES)
async def test_a_dead_letter_is_said_in_nobody_elses_name(server: Server, role: str) -> None:
    others = [name for name in SERVICES if name != role]
    async with server.speaking_as(role) as speaker:
        said = {name for name in others if await speaker.may_say(f"dlq.{name}", b"{}")}

    assert said == (set(others) if role in {"audit", "operator"} else set())  # the audit says what JetStream gave up


@pytest.mark.parametrize("role", ROLES)
async def test_a_role_hears_what_it_shall_and_nothing_else(server: Server, role: str) -> None:
    async with server.speaking_as(role) as speaker:
        heard = {word for word in ALL.split() if await speaker.may_hear(f"{word}.>")}
        one = {word for word in ALL.split() if await speaker.may_hear(f"{word}.w.r")}
        wide = [it for it in (">", "*.>", "*.*", "*.w.r", "$JS.>", "$KV.>", "$O.>") if await speaker.may_hear(it)]

    assert heard == one == listed(HEARS, role)
    assert wide == []


@pytest.mark.parametrize("role", ROLES)
async def test_nobody_hears_or_speaks_into_what_comes_for_another(server: Server, role: str) -> None:
    own = "_INBOX" if role == "publisher" else f"_INBOX_{role}"
    inboxes = ["_INBOX", *(f"_INBOX_{other}" for other in ROLES if other != "publisher")]
    async with server.speaking_as(role) as speaker:
        heard = {it for it in inboxes if await speaker.may_hear(f"{it}.>") or await speaker.may_hear(f"{it}.a.*")}
        spoken = {it for it in inboxes if await speaker.may_say(f"{it}.a.b")}

    assert heard == {own}
    answering = {"orchestrator": {"_INBOX_operator"}, "audit": {"_INBOX_operator"}, "operator": {own}}
    assert spoken == answering.get(role, set())


@pytest.mark.parametrize("role", ROLES)
async def test_only_the_operator_changes_purges_and_deletes_streams(server: Server, role: str) -> None:
    doors = [f"$JS.API.STREAM.{verb}.{stream}" for verb, stream in product(("UPDATE", "PURGE", "DELETE"), STREAMS)]
    doors += ["$JS.API.STREAM.CREATE.MINE", "$JS.API.STREAM.LIST", "$JS.API.STREAM.SNAPSHOT.EVENTS"]
    if role == "operator":
        async with server.operator() as operator:
            await operator.js.add_stream(StreamConfig(name="SCRATCH", subjects=["scratch"]))
            await operator.js.update_stream(StreamConfig(name="SCRATCH", subjects=["scratch", "scratched"]))
            assert await operator.js.purge_stream("SCRATCH")
            assert await operator.js.delete_stream("SCRATCH")
        return
    async with server.speaking_as(role) as speaker:
        opened = [door for door in doors if await speaker.may_say(door)]

    assert opened == (["$JS.API.STREAM.PURGE.OBJ_PAYLOADS"] if role == "orchestrator" else [])


@pytest.mark.parametrize("role", [role for role in ROLES if role != "operator"])
async def test_messages_are_read_where_a_role_reads_and_taken_out_of_a_services_own_queue(
    server: Server, role: str
) -> None:
    queues = {it.upper() for it in listed(QUEUES, role)}
    looks_up = {*ALL.upper().split(), "ADVISORIES"} if role == "audit" else set()
    buckets = {f"KV_{bucket}" for bucket in listed(BUCKETS, role)}
    async with server.speaking_as(role) as speaker:
        got = {it for it in STREAMS if await speaker.may_say(f"$JS.API.STREAM.MSG.GET.{it}")}
        directly = {it for it in STREAMS if await speaker.may_say(f"$JS.API.DIRECT.GET.{it}")}
        taken = {it for it in STREAMS if await speaker.may_say(f"$JS.API.STREAM.MSG.DELETE.{it}")}

    assert got == listed(READS, role) | looks_up | queues | buckets
    assert directly == listed(READS, role)
    assert taken == queues


@pytest.mark.parametrize("role", [role for role in ROLES if role != "operator"])
async def test_consumers_for_reading_are_made_only_where_a_role_reads(server: Server, role: str) -> None:
    follows = {"ingest": {"PROGRESS"}, "notifier": {"APPROVALS", "RECEIPTS"}}
    async with server.speaking_as(role) as speaker:
        made = {it for it in STREAMS if await speaker.may_say(f"$JS.API.CONSUMER.CREATE.{it}.mine")}
        filtered = {it for it in STREAMS if await speaker.may_say(f"$JS.API.CONSUMER.CREATE.{it}.mine.a.b")}
        fetched = {it for it in STREAMS if await speaker.may_say(f"$JS.API.CONSUMER.MSG.NEXT.{it}.mine")}
        nameless = {it for it in STREAMS if await speaker.may_say(f"$JS.API.CONSUMER.CREATE.{it}")}
        durable = {it for it in STREAMS if await speaker.may_say(f"$JS.API.CONSUMER.DURABLE.CREATE.{it}.mine")}

    assert made == filtered == fetched == listed(READS, role)
    assert nameless == follows.get(role, set())
    assert durable == set()


@pytest.mark.parametrize("role", [role for role in ROLES if role != "operator"])
async def test_nobody_fetches_acknowledges_alters_or_deletes_by_the_consumers_of_another_service(
    server: Server, role: str
) -> None:
    opened = set()
    async with server.speaking_as(role) as speaker:
        for service in SERVICES:
            for place in (f"{stream}.{service}" for stream in CONSUMERS[service].split()):
                api = [f"$JS.API.CONSUMER.{verb}.{place}" for verb in ("MSG.NEXT", "CREATE", "DURABLE.CREATE")]
                doors = [*api, f"$JS.ACK.{place}.1.1.1.1.0", f"$JS.API.CONSUMER.PAUSE.{place}"]
                if role != service:
                    doors += [f"$JS.API.CONSUMER.CREATE.{place}.a.b", f"$JS.API.CONSUMER.DELETE.{place}"]
                opened |= {(service, door) for door in doors if await speaker.may_say(door)}

    assert {service for service, _ in opened} == ({role} & set(SERVICES))
    assert not any("PAUSE" in door for _, door in opened)


@pytest.mark.parametrize("role", ROLES)
async def test_buckets_are_written_by_those_who_keep_them(server: Server, role: str) -> None:
    async with server.speaking_as(role) as speaker:
        written = {it for it in ("STARTS", "FLOW", "NOTICES") if await speaker.may_say(f"$KV.{it}.k")}
        objects = await speaker.may_say("$O.PAYLOADS.C.k")

    assert written == listed(BUCKETS, role)
    assert objects == (role == "orchestrator")


@pytest.mark.parametrize("role", ROLES)
async def test_questions_are_the_operators_and_each_service_answers_its_own(server: Server, role: str) -> None:
    questions = {"queries.runs.describe": "orchestrator", "queries.audit.records": "audit"}
    async with server.speaking_as(role) as speaker:
        asked = [it for it in questions if await speaker.may_say(it)]
        answered = [it for it in questions if await speaker.may_hear(it)]

    assert asked == (list(questions) if role == "operator" else [])
    assert answered == [question for question, service in questions.items() if service == role]


async def test_an_answer_is_stored_nowhere_whatever_subject_its_asker_names(server: Server) -> None:
    """Within one account it would be: nats-server asks nobody whether he may say something where he wants a reply."""
    streams = ("SIGNALS", "COMMANDS", "PROGRESS", "KV_STARTS", "DECISIONS")
    async with server.operator() as operator:
        await operator.js.publish("approvals.requested.W.r", b'{"evil": 1}')
        before = [await _last(operator, it) for it in streams]
        async with server.speaking_as("publisher") as publisher, server.speaking_as("bot") as bot:
            for place in ("signals.run.cancel", "commands.start.W", "progress.W.r", "$KV.STARTS.k", "decisions.r"):
                assert await publisher.may_say("events.a", b"{}", reply=place)
                assert await bot.may_say("$JS.API.DIRECT.GET.APPROVALS.approvals.requested.W.r", reply=place)
                assert await bot.may_say("$JS.API.STREAM.INFO.APPROVALS", reply=place)
            await _answered(bot)
            await _answered(publisher)

        assert [await _last(operator, it) for it in streams] == before


async def _answered(speaker: Speaker) -> None:
    """Wait for an answer behind all those that were asked for before."""
    if await speaker.may_say("$JS.API.STREAM.INFO.APPROVALS"):
        await speaker.client.jetstream().stream_info("APPROVALS")
    else:
        await speaker.client.jetstream().publish("events.a", b"{}")


async def _last(operator: NatsBus, stream: str) -> int:
    return (await operator.js.stream_info(stream)).state.last_seq


@pytest.mark.parametrize("place", ["commands.start.W", "$JS.API.STREAM.PURGE.EVENTS", "$KV.STARTS.k"])
async def test_what_a_bots_consumer_delivers_is_stored_nowhere(server: Server, place: str) -> None:
    streams = ("COMMANDS", "EVENTS", "KV_STARTS")
    async with server.operator() as operator, server.speaking_as("bot") as bot:
        await operator.js.publish("events.a", b"{}")
        for number in range(20):
            await operator.js.publish(f"approvals.requested.W.r{number}", b"{}")
        before = [(await operator.js.stream_info(it)).state for it in streams]
        config = {"name": "pushing", "deliver_subject": place, "ack_policy": "none", "deliver_policy": "all"}
        question = json.dumps({"stream_name": "APPROVALS", "config": config}).encode()
        made = json.loads((await bot.client.request("$JS.API.CONSUMER.CREATE.APPROVALS.pushing", question)).data)
        assert "error" not in made, made
        assert len(await _read(bot, "APPROVALS", "approvals.>", 20)) == 20
        await bot.client.jetstream().delete_consumer("APPROVALS", "pushing")
        after = [(await operator.js.stream_info(it)).state for it in streams]

    assert [(it.messages, it.last_seq) for it in after] == [(it.messages, it.last_seq) for it in before]


async def test_a_bot_reads_what_waits_and_a_decision_of_its_is_acknowledged(server: Server) -> None:
    async with server.operator() as operator, server.speaking_as("bot") as bot:
        await operator.js.publish("approvals.requested.W.bot", b"{}")
        assert len(await _read(bot, "APPROVALS", "approvals.requested.W.bot", 1)) == 1
        receipts = await bot.client.subscribe("receipts.>")
        await bot.client.flush()
        assert (await bot.client.jetstream().publish("decisions.bot", b"{}")).stream == "DECISIONS"
        await operator.js.publish("receipts.bot", b"{}")

        assert (await receipts.next_msg(timeout=5)).subject == "receipts.bot"


async def _read(speaker: Speaker, stream: str, filter_: str, count: int) -> list[bytes]:
    subscription = await speaker.client.jetstream().pull_subscribe(filter_, stream=stream)
    found = await subscription.fetch(count, timeout=5)
    for message in found:
        await message.ack()
    return [message.data for message in found]


async def test_a_publisher_hears_the_progress_that_it_was_allowed_and_no_other(server: Server) -> None:
    async with server.operator() as operator, server.speaking_as("team") as team:
        own = await team.client.subscribe("progress.Greeting.>")
        js = team.client.jetstream()
        assert (await js.publish("events.people.arrived", b"{}")).stream == "EVENTS"
        for workflow in ("Payroll", "Greeting"):
            await operator.js.publish(f"progress.{workflow}.r", workflow.encode())
        heard = await own.next_msg(timeout=5)
        last = await js.get_last_msg("PROGRESS", "progress.Greeting.r", direct=True)
        refused = [
            await team.may_hear("progress.>"),
            await team.may_hear("progress.Payroll.r"),
            await team.may_hear("_INBOX.>"),
            await team.may_say("events.payroll.due", b"{}"),
            await team.may_say("$JS.API.DIRECT.GET.PROGRESS.progress.Payroll.r"),
            await team.may_say("$JS.API.DIRECT.GET.PROGRESS"),
        ]

    assert (heard.data, last.data) == (b"Greeting", b"Greeting")
    assert not any(refused)


async def test_nobody_comes_in_without_a_key_or_with_an_unknown_one(server: Server) -> None:
    for settings in (NatsSettings(servers=(server.where,)), server.settings("stranger")):
        with pytest.raises(Unavailable, match="lets nobody in with these credentials"):
            async with connect(settings, source="perdure/test", within=1):
                pytest.fail("it came in")


async def test_what_a_service_may_not_declare_is_told_and_not_tried_for_ever(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    async with connect(server.settings("bot"), source="perdure/ingest", role="bot", within=5) as bus:
        with pytest.raises(SetupError, match=r"ingest cannot make sure .* refuses .*stream\.info\.events"):
            await provision(bus.js, "ingest")

    assert 'permissions violation for publish to "$js.api.stream.info.events"' in caplog.text


async def test_a_stream_that_must_be_changed_is_the_operators_to_change(server: Server) -> None:
    async with server.operator() as operator:
        config = (await operator.js.stream_info("SIGNALS")).config
        await operator.js.update_stream(config, allow_direct=False)
        async with connect(server.settings("audit"), source="perdure/audit", role="audit", within=5) as bus:
            with pytest.raises(SetupError, match="Only the operator may change a stream: run `perdure nats declare`"):
                await provision(bus.js, "audit")
            await provision(operator.js, "operator")
            await provision(bus.js, "audit")


async def test_a_service_reads_by_its_bus_what_it_shall_and_is_told_what_it_shall_not(server: Server) -> None:
    async with server.operator() as operator:
        await operator.js.publish("progress.W.read", b"{}")
    async with connect(server.settings("ingest"), source="perdure/ingest", role="ingest", within=5) as bus:
        assert len([one async for one in bus.read("progress.W.read")]) == 1
        assert (await anext(bus.subscribe("progress.W.read", replay=True))).raw.body == b"{}"
        assert (await bus.count_by_subject("waiting.>")) is not None
        with pytest.raises(Unavailable, match="does not tell what it holds of approvals"):
            await anext(bus.read("approvals.>"))
        with pytest.raises(NatsTimeoutError):
            await bus.js.delete_stream("EVENTS")

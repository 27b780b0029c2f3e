"""The permissions of each role, allowed and denied, on a real nats-server with the files of deploy/nats.

The expectations are written by hand, independently of ``perdure.bus.permissions``.
"""

import asyncio
import json
from collections.abc import Iterator
from itertools import product

import pytest
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js.api import StreamConfig
from nats.js.errors import NotFoundError

from perdure.bus import NatsBus, connect
from perdure.bus.jetstream.provision import provision
from perdure.config.settings import NatsSettings
from perdure.errors import SetupError, Unavailable
from perdure.local.nkeys import public_nkey
from tests.support.raw_nats import answered
from tests.support.roles import RoleClient, Server, deployed_server

ALL = "events verdicts commands progress approvals alerts decisions signals receipts notifications dlq"
QUEUES = {"ingest": "waiting latest open", "orchestrator": "stuck", "notifier": "notices"}
PUBLISHES = {
    "publisher": "events",
    "bot": "decisions",
    "ingest": "verdicts commands dlq waiting latest open",
    "orchestrator": "progress approvals alerts receipts dlq stuck",
    "notifier": "notifications decisions dlq notices",
    "audit": "dlq",
    "console": "events decisions signals",
    "operator": f"{ALL} notices".replace("verdicts ", ""),  # dead-lettered notices are resent
}
SUBSCRIBES = {"bot": "approvals alerts receipts progress verdicts", "operator": ALL}
READS = {
    "bot": "APPROVALS ALERTS RECEIPTS PROGRESS VERDICTS",
    "ingest": "PROGRESS EVENTS VERDICTS COMMANDS DLQ STUCK WAITING LATEST OPEN",
    "orchestrator": "PROGRESS STUCK WAITING LATEST OBJ_PAYLOADS APPROVALS",
    "notifier": "APPROVALS PROGRESS RECEIPTS",
    "audit": "DLQ",
    "console": f"{ALL.upper()} STUCK WAITING",
}
CONSUMERS = {
    "ingest": "EVENTS DLQ",
    "orchestrator": "COMMANDS DECISIONS SIGNALS",
    "notifier": "APPROVALS ALERTS",
    "audit": (
        "EVENTS VERDICTS COMMANDS PROGRESS APPROVALS ALERTS DECISIONS SIGNALS RECEIPTS NOTIFICATIONS DLQ ADVISORIES"
    ),
}
BUCKETS = {"ingest": "STARTS FLOW", "orchestrator": "STARTS BRIDGE VERIFICATIONS", "notifier": "NOTICES"}

BUCKET_STREAMS = ("KV_STARTS", "KV_FLOW", "KV_BRIDGE", "KV_NOTICES", "KV_VERIFICATIONS", "KV_FLOORS", "OBJ_PAYLOADS")
ROLES = tuple(PUBLISHES)
SERVICES = tuple(CONSUMERS)
STREAMS = (*ALL.upper().split(), "ADVISORIES", "WAITING", "LATEST", "OPEN", "NOTICES", "STUCK", *BUCKET_STREAMS)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with the files of deploy/nats, on free ports, and with the example team of publishers.conf."""
    with deployed_server(tmp_path_factory.mktemp("permissions")) as running:
        yield running


def subject_of(prefix: str, role: str) -> str:
    return f"dlq.{role}" if prefix == "dlq" and role in SERVICES else f"{prefix}.w.r"


def listed(table: dict[str, str], role: str) -> set[str]:
    return set(table.get(role, "").split())


@pytest.mark.parametrize("role", ROLES)
async def test_a_role_publishes_on_its_own_subjects_only(server: Server, role: str) -> None:
    prefixes = [*ALL.split(), "waiting", "latest", "open", "notices", "stuck"]
    async with server.client(role) as role_client, server.operator() as operator:
        published = {it for it in prefixes if await role_client.may_publish(subject_of(it, role), b"{}")}
        stored = {it for it in published if await _is_stored(operator, it, subject_of(it, role))}

    assert published == stored == listed(PUBLISHES, role)


async def _is_stored(operator: NatsBus, prefix: str, subject: str) -> bool:
    try:
        await operator.js.get_last_msg(prefix.upper(), subject)
    except NotFoundError:
        return False
    return True


@pytest.mark.parametrize("role", ROLES)
async def test_a_service_publishes_dead_letters_in_its_own_name_only(server: Server, role: str) -> None:
    others = [name for name in SERVICES if name != role]
    async with server.client(role) as role_client:
        published = {name for name in others if await role_client.may_publish(f"dlq.{name}", b"{}")}

    # The audit publishes the dead letters of messages that JetStream stopped delivering to other services.
    assert published == (set(others) if role in {"audit", "operator"} else set())


@pytest.mark.parametrize("role", ROLES)
async def test_a_role_subscribes_to_its_own_subjects_only(server: Server, role: str) -> None:
    async with server.client(role) as role_client:
        all_of = {it for it in ALL.split() if await role_client.may_subscribe(f"{it}.>")}
        one_of = {it for it in ALL.split() if await role_client.may_subscribe(f"{it}.w.r")}
        wide = [
            it for it in (">", "*.>", "*.*", "*.w.r", "$JS.>", "$KV.>", "$O.>") if await role_client.may_subscribe(it)
        ]

    assert all_of == one_of == listed(SUBSCRIBES, role)
    assert wide == []


@pytest.mark.parametrize("role", ROLES)
async def test_bots_and_operators_receive_checkpoints_and_audit_alerts_about_them(server: Server, role: str) -> None:
    async with server.client(role) as role_client:
        receives = await role_client.may_subscribe("checkpoints.>")
        alerts = await role_client.may_publish("alerts.perdure.perdure-ledger", b"{}")

    assert receives == (role in {"bot", "operator"})
    assert alerts == (role in {"audit", "orchestrator", "operator"})


@pytest.mark.parametrize("role", ROLES)
async def test_no_role_subscribes_to_or_publishes_into_the_inbox_of_another(server: Server, role: str) -> None:
    own = "_INBOX" if role == "publisher" else f"_INBOX_{role}"
    inboxes = ["_INBOX", *(f"_INBOX_{other}" for other in ROLES if other != "publisher")]
    async with server.client(role) as role_client:
        subscribed = {
            it
            for it in inboxes
            if await role_client.may_subscribe(f"{it}.>") or await role_client.may_subscribe(f"{it}.a.*")
        }
        published = {it for it in inboxes if await role_client.may_publish(f"{it}.a.b")}

    assert subscribed == {own}
    asking = {"_INBOX_operator", "_INBOX_console"}
    replies = dict.fromkeys(("ingest", "orchestrator", "audit"), asking) | {"operator": {own}}
    assert published == replies.get(role, set())


@pytest.mark.parametrize("role", ROLES)
async def test_only_the_operator_changes_and_deletes_streams_and_who_trims_one_purges_it(
    server: Server, role: str
) -> None:
    subjects = [f"$JS.API.STREAM.{verb}.{stream}" for verb, stream in product(("UPDATE", "PURGE", "DELETE"), STREAMS)]
    subjects += ["$JS.API.STREAM.CREATE.MINE", "$JS.API.STREAM.LIST", "$JS.API.STREAM.SNAPSHOT.EVENTS"]
    if role == "operator":
        async with server.operator() as operator:
            await operator.js.add_stream(StreamConfig(name="SCRATCH", subjects=["scratch"]))
            await operator.js.update_stream(StreamConfig(name="SCRATCH", subjects=["scratch", "scratched"]))
            assert await operator.js.purge_stream("SCRATCH")
            assert await operator.js.delete_stream("SCRATCH")
        return
    async with server.client(role) as role_client:
        allowed = [it for it in subjects if await role_client.may_publish(it)]

    purged = {"ingest": ["EVENTS"], "orchestrator": ["COMMANDS", "DECISIONS", "SIGNALS", "OBJ_PAYLOADS"]}
    assert allowed == [f"$JS.API.STREAM.PURGE.{stream}" for stream in purged.get(role, [])]


@pytest.mark.parametrize("role", [role for role in ROLES if role != "operator"])
async def test_a_role_gets_messages_of_the_streams_it_reads_and_deletes_from_its_own_queues(
    server: Server, role: str
) -> None:
    queues = {it.upper() for it in listed(QUEUES, role)}
    looked_at = {"RECEIPTS", "ALERTS", "EVENTS"} if role == "orchestrator" else set()
    named = listed(CONSUMERS, role) | looked_at | ({"KV_FLOORS"} if role in SERVICES else set())
    buckets = {f"KV_{bucket}" for bucket in listed(BUCKETS, role)}
    async with server.client(role) as role_client:
        got = {it for it in STREAMS if await role_client.may_publish(f"$JS.API.STREAM.MSG.GET.{it}")}
        directly = {it for it in STREAMS if await role_client.may_publish(f"$JS.API.DIRECT.GET.{it}")}
        deleted = {it for it in STREAMS if await role_client.may_publish(f"$JS.API.STREAM.MSG.DELETE.{it}")}

    assert got == listed(READS, role) | named | queues | buckets
    assert directly == listed(READS, role)
    assert deleted == queues


@pytest.mark.parametrize("role", [role for role in ROLES if role != "operator"])
async def test_a_role_writes_its_own_floors_only(server: Server, role: str) -> None:
    keys = {f"{service}-{stream}": service for service in SERVICES for stream in listed(CONSUMERS, service)}
    async with server.client(role) as role_client:
        written = {it for it in keys if await role_client.may_publish(f"$KV.FLOORS.{it}", b"")}

    assert written == {key for key, service in keys.items() if service == role}


@pytest.mark.parametrize("role", [role for role in ROLES if role != "operator"])
async def test_a_role_creates_consumers_on_the_streams_it_reads_only(server: Server, role: str) -> None:
    ordered = {
        "ingest": {"PROGRESS", "WAITING", "LATEST", "OPEN"},
        "notifier": {"APPROVALS", "RECEIPTS"},
        "console": {"PROGRESS", "APPROVALS", "RECEIPTS", "VERDICTS", "DLQ", "STUCK"},
    }
    async with server.client(role) as role_client:
        made = {it for it in STREAMS if await role_client.may_publish(f"$JS.API.CONSUMER.CREATE.{it}.mine")}
        filtered = {it for it in STREAMS if await role_client.may_publish(f"$JS.API.CONSUMER.CREATE.{it}.mine.a.b")}
        fetched = {it for it in STREAMS if await role_client.may_publish(f"$JS.API.CONSUMER.MSG.NEXT.{it}.mine")}
        nameless = {it for it in STREAMS if await role_client.may_publish(f"$JS.API.CONSUMER.CREATE.{it}")}
        durable = {it for it in STREAMS if await role_client.may_publish(f"$JS.API.CONSUMER.DURABLE.CREATE.{it}.mine")}

    assert made == filtered == fetched == listed(READS, role)
    assert nameless == ordered.get(role, set())
    assert durable == set()


@pytest.mark.parametrize("role", [role for role in ROLES if role != "operator"])
async def test_no_role_fetches_acks_alters_or_deletes_through_the_consumers_of_another_service(
    server: Server, role: str
) -> None:
    allowed = set()
    async with server.client(role) as role_client:
        for service in SERVICES:
            for consumer in (f"{stream}.{service}" for stream in CONSUMERS[service].split()):
                api = [f"$JS.API.CONSUMER.{verb}.{consumer}" for verb in ("MSG.NEXT", "CREATE", "DURABLE.CREATE")]
                subjects = [*api, f"$JS.ACK.{consumer}.1.1.1.1.0", f"$JS.API.CONSUMER.PAUSE.{consumer}"]
                if role != service:
                    subjects += [f"$JS.API.CONSUMER.CREATE.{consumer}.a.b", f"$JS.API.CONSUMER.DELETE.{consumer}"]
                allowed |= {(service, it) for it in subjects if await role_client.may_publish(it)}

    assert {service for service, _ in allowed} == ({role} & set(SERVICES))
    assert not any("PAUSE" in subject for _, subject in allowed)


@pytest.mark.parametrize("role", ROLES)
async def test_a_role_writes_to_its_own_buckets_only(server: Server, role: str) -> None:
    async with server.client(role) as role_client:
        names = ("STARTS", "FLOW", "BRIDGE", "NOTICES", "VERIFICATIONS")
        written = {it for it in names if await role_client.may_publish(f"$KV.{it}.k")}
        objects = await role_client.may_publish("$O.PAYLOADS.C.k")

    assert written == listed(BUCKETS, role)
    assert objects == (role == "orchestrator")


@pytest.mark.parametrize("role", ROLES)
async def test_only_the_operator_sends_all_requests_and_each_service_answers_its_own(server: Server, role: str) -> None:
    requests = {
        "queries.events.outcome.a.b": "ingest",
        "queries.runs.describe": "orchestrator",
        "queries.runs.histories": "orchestrator",
        "acts.runs.erase": "orchestrator",
        "queries.audit.records": "audit",
        "queries.audit.proofs": "audit",
        "queries.audit.erasable": "audit",
        "acts.records.erase": "audit",
    }
    async with server.client(role) as role_client:
        sent = [it for it in requests if await role_client.may_publish(it)]
        answered = [it for it in requests if await role_client.may_subscribe(it)]

    every, of_console = list(requests), ["queries.events.outcome.a.b", "queries.runs.describe", "queries.audit.records"]
    assert sent == {"operator": every, "console": of_console, "publisher": ["queries.events.outcome.a.b"]}.get(role, [])
    assert answered == [request for request, service in requests.items() if service == role]


async def test_a_reply_is_stored_nowhere_whatever_reply_subject_a_request_names(server: Server) -> None:
    """Within one account it would be stored: nats-server does not check permissions for the reply subject."""
    streams = ("SIGNALS", "COMMANDS", "PROGRESS", "KV_STARTS", "DECISIONS")
    async with server.operator() as operator:
        await operator.js.publish("approvals.requested.W.r", b'{"evil": 1}')
        before = [await _last(operator, it) for it in streams]
        async with server.client("publisher") as publisher, server.client("bot") as bot:
            for place in ("signals.run.cancel", "commands.start.W", "progress.W.r", "$KV.STARTS.k", "decisions.r"):
                assert await publisher.may_publish("events.a", b"{}", reply=place)
                assert await bot.may_publish("$JS.API.DIRECT.GET.APPROVALS.approvals.requested.W.r", reply=place)
                assert await bot.may_publish("$JS.API.STREAM.INFO.APPROVALS", reply=place)
            await _wait_for_replies(bot)
            await _wait_for_replies(publisher)

        assert [await _last(operator, it) for it in streams] == before


async def _wait_for_replies(role_client: RoleClient) -> None:
    """Wait for the reply to one more request, which comes after all earlier replies."""
    if await role_client.may_publish("$JS.API.STREAM.INFO.APPROVALS"):
        await role_client.nats.jetstream().stream_info("APPROVALS")
    else:
        await role_client.nats.jetstream().publish("events.a", b"{}")


async def _last(operator: NatsBus, stream: str) -> int:
    return (await operator.js.stream_info(stream)).state.last_seq


@pytest.mark.parametrize("place", ["commands.start.W", "$JS.API.STREAM.PURGE.EVENTS", "$KV.STARTS.k"])
async def test_deliveries_of_a_bots_push_consumer_are_stored_nowhere(server: Server, place: str) -> None:
    streams = ("COMMANDS", "EVENTS", "KV_STARTS")
    async with server.operator() as operator, server.client("bot") as bot:
        await operator.js.publish("events.a", b"{}")
        for number in range(20):
            await operator.js.publish(f"approvals.requested.W.r{number}", b"{}")
        before = [(await operator.js.stream_info(it)).state for it in streams]
        config = {"name": "pushing", "deliver_subject": place, "ack_policy": "none", "deliver_policy": "all"}
        query = json.dumps({"stream_name": "APPROVALS", "config": config}).encode()
        created = json.loads((await bot.nats.request("$JS.API.CONSUMER.CREATE.APPROVALS.pushing", query)).data)
        assert "error" not in created, created
        assert len(await _read(bot, "APPROVALS", "approvals.>", 20)) == 20
        await bot.nats.jetstream().delete_consumer("APPROVALS", "pushing")
        after = [(await operator.js.stream_info(it)).state for it in streams]

    assert [(it.messages, it.last_seq) for it in after] == [(it.messages, it.last_seq) for it in before]


async def test_the_console_writes_what_a_person_does_there_and_no_record_of_others(server: Server) -> None:
    async with server.client("console") as console:
        allowed = [await console.may_publish(it, b"{}") for it in ("admin.enrolment.ada", "admin.run.r", "acts.runs")]
        denied = [
            await console.may_publish(it, b"{}")
            for it in (
                "admin.approver.ada",
                "admin.approvers_file",
                "admin.policies",
                "admin.pause.suite",
                "events.schedules.nightly",
                "acts.starts.cancel",
                "queries.runs.find",
                "$JS.API.STREAM.CREATE.EVENTS",
                "$JS.API.STREAM.MSG.DELETE.DLQ",
            )
        ]

    assert all(allowed)
    assert not any(denied)


async def test_a_bot_reads_requests_and_receipts_and_publishes_decisions(server: Server) -> None:
    async with server.operator() as operator, server.client("bot") as bot:
        await operator.js.publish("approvals.requested.W.bot", b"{}")
        assert len(await _read(bot, "APPROVALS", "approvals.requested.W.bot", 1)) == 1
        receipts = await bot.nats.subscribe("receipts.>")
        await bot.nats.flush()
        assert (await bot.nats.jetstream().publish("decisions.bot", b"{}")).stream == "DECISIONS"
        await operator.js.publish("receipts.bot", b"{}")

        assert (await receipts.next_msg(timeout=5)).subject == "receipts.bot"


async def _read(role_client: RoleClient, stream: str, filter_: str, count: int) -> list[bytes]:
    subscription = await role_client.nats.jetstream().pull_subscribe(filter_, stream=stream)
    found = await subscription.fetch(count, timeout=5)
    for message in found:
        await message.ack()
    return [message.data for message in found]


async def test_a_bot_or_team_sends_only_the_signals_that_it_is_granted_by_name(server: Server) -> None:
    async with server.client("deploybot") as granted, server.client("bot") as bot, server.client("team") as team:
        stored = await granted.nats.jetstream().publish("signals.any=2Erun.go", b"{}")
        denied = [
            await granted.may_publish("signals.run.approve_all"),
            await granted.may_publish("signals.run.perdure_decision"),
            await granted.may_publish("signals.run.go.more"),
            await granted.may_publish("decisions.run"),
            await bot.may_publish("signals.run.go"),
            await team.may_publish("signals.run.go"),
        ]

    assert stored.stream == "SIGNALS"
    assert not any(denied)


async def test_a_publisher_subscribes_to_the_progress_that_it_is_granted_only(server: Server) -> None:
    async with server.operator() as operator, server.client("team") as team:
        own = await team.nats.subscribe("progress.Greeting.>")
        js = team.nats.jetstream()
        assert (await js.publish("events.people.arrived", b"{}")).stream == "EVENTS"
        for workflow in ("Payroll", "Greeting"):
            await operator.js.publish(f"progress.{workflow}.r", workflow.encode())
        received = await own.next_msg(timeout=5)
        last = await js.get_last_msg("PROGRESS", "progress.Greeting.r", direct=True)
        denied = [
            await team.may_subscribe("progress.>"),
            await team.may_subscribe("progress.Payroll.r"),
            await team.may_subscribe("_INBOX.>"),
            await team.may_publish("events.payroll.due", b"{}"),
            await team.may_publish("$JS.API.DIRECT.GET.PROGRESS.progress.Payroll.r"),
            await team.may_publish("$JS.API.DIRECT.GET.PROGRESS"),
        ]

    assert (received.data, last.data) == (b"Greeting", b"Greeting")
    assert not any(denied)


async def test_a_publisher_asks_what_became_of_the_types_of_events_that_it_may_publish_only(server: Server) -> None:
    async with (
        server.client("ingest") as ingest,
        server.client("publisher") as publisher,
        server.client("team") as team,
    ):
        asked = await ingest.nats.subscribe("queries.events.outcome.>")
        replies = await ingest.nats.subscribe("_INBOX_ingest.>")
        await ingest.nats.flush()
        answers = []
        for role_client in (publisher, team):
            asking = asyncio.create_task(role_client.nats.request("queries.events.outcome.people.arrived", b"{}"))
            await (await asked.next_msg(timeout=5)).respond(b"known")
            answers.append((await asking).data)
        denied = [
            await team.may_publish("queries.events.outcome.payroll.due"),
            await publisher.may_subscribe("queries.events.outcome.>"),
            await team.may_publish("queries.events.outcome.>"),
        ]

    assert answers == [b"known", b"known"]
    assert not any(denied)
    assert replies.pending_msgs == 0


async def test_a_client_without_a_key_or_with_an_unknown_one_is_rejected(server: Server) -> None:
    for settings in (NatsSettings(servers=(server.where,)), server.settings("stranger")):
        with pytest.raises(Unavailable, match="NATS rejects these credentials"):
            async with connect(settings, source="perdure/test", within=1):
                pytest.fail("connected")


async def test_no_guess_of_a_credential_connects(server: Server) -> None:
    operator = public_nkey(server.nkeys / "operator.nk")
    guesses: list[dict[str, str]] = [
        {},
        {"user": "operator", "pass": "operator"},
        {"auth_token": "operator"},
        {"nkey": operator, "sig": ""},
        {"nkey": operator, "sig": "A" * 86},
    ]

    answers = [await answered(server.where, b"CONNECT " + json.dumps(guess).encode()) for guess in guesses]

    assert answers == ["authorization violation"] * len(guesses)


async def test_denied_provisioning_is_logged_and_raised_and_not_retried_for_ever(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    async with connect(server.settings("bot"), source="perdure/ingest", role="bot", within=5) as bus:
        with pytest.raises(SetupError, match=r"ingest cannot create or check .* denies .*stream\.info\.events"):
            await provision(bus.js, "ingest")

    assert 'permissions violation for publish to "$js.api.stream.info.events"' in caplog.text


async def test_only_the_operator_changes_an_existing_stream(server: Server) -> None:
    async with server.operator() as operator:
        config = (await operator.js.stream_info("SIGNALS")).config
        await operator.js.update_stream(config, allow_direct=False)
        async with connect(server.settings("audit"), source="perdure/audit", role="audit", within=5) as bus:
            with pytest.raises(
                SetupError, match="Only the operator may change a stream: run `perdure admin nats provision`"
            ):
                await provision(bus.js, "audit")
            await provision(operator.js, "operator")
            await provision(bus.js, "audit")


async def test_a_service_reads_its_own_streams_and_gets_an_error_for_others(server: Server) -> None:
    async with server.operator() as operator:
        await operator.js.publish("progress.W.read", b"{}")
    async with connect(server.settings("ingest"), source="perdure/ingest", role="ingest", within=5) as bus:
        assert len([one async for one in bus.read("progress.W.read")]) == 1
        assert (await anext(bus.subscribe("progress.W.read", replay=True))).raw.body == b"{}"
        assert (await bus.count_by_subject("waiting.>")) is not None
        with pytest.raises(Unavailable, match="cannot read approvals"):
            await anext(bus.read("approvals.>"))
        with pytest.raises(NatsTimeoutError):
            await bus.js.delete_stream("EVENTS")

"""What a stolen nkey of a publisher cannot do: it may publish events, and ask what became of them."""

import asyncio
import json
from typing import Final

from nats.errors import MaxPayloadError

from perdure.values.run_id import default_run_id
from tests.support.attacks.attack import Attack
from tests.support.attacks.moves import event, publishes, subscribes
from tests.support.attacks.suite import AttackedSuite

CLOUD = {"ce_specversion": "1.0", "ce_source": "attacker"}


async def same_id_with_other_data(suite: AttackedSuite) -> str:
    id_ = suite.new_id("twice")
    run = default_run_id("Quick", id_, CLOUD["ce_source"])
    suite.runs.add(run)
    assert await event("work.quick", b'{"steps": 1}', ce_id=id_, ce_type="work.quick", **CLOUD)(suite) == f"run {run}"
    return await event("work.quick", b'{"steps": 2}', ce_id=id_, ce_type="work.quick", **CLOUD)(suite)


async def same_id_many_times(suite: AttackedSuite) -> str:
    """The duplicate window of JetStream does not help: each message has an id of its own there."""
    id_ = suite.new_id("many")
    run = default_run_id("Quick", id_, "attacker")
    suite.runs.add(run)
    js = suite.jetstream("publisher")
    headers = {"ce-id": id_, "ce-type": "work.quick", "ce-specversion": "1.0", "ce-source": "attacker"}
    acks = [
        await js.publish("events.work.quick", b'{"steps": 1}', headers={**headers, "Nats-Msg-Id": f"{id_}-{number}"})
        for number in range(200)
    ]
    outcomes = {await suite.outcome("work.quick", ack.seq) for ack in (acks[0], acks[-1])}
    runs = [started for started in await suite.world.facts() if id_ in started]
    return f"{len(runs)} run" if outcomes == {f"run {run}"} else str(outcomes)


async def a_flood_of_events_without_a_route(suite: AttackedSuite) -> str:
    js = suite.jetstream("publisher")
    acks = await asyncio.gather(*(js.publish("events.nobody.asked", b"{}") for _ in range(300)))
    return await suite.outcome("nobody.asked", max(ack.seq for ack in acks))


async def the_run_of_somebody_else(suite: AttackedSuite) -> str:
    suite.runs.add("Named-7")
    assert await event("work.named", b'{"number": 7}', Nats_Msg_Id="theirs")(suite) == "run Named-7"
    return await event("work.named", b'{"number": 7}', Nats_Msg_Id="mine")(suite)


async def more_than_the_server_takes(suite: AttackedSuite) -> str:
    try:
        await suite.roles["publisher"].nats.publish("events.work.quick", b" " * 9_000_000)
    except MaxPayloadError:
        return "refused by the client"
    return "published"


async def a_reply_that_is_a_command(suite: AttackedSuite) -> str:
    return await replies_into(suite, "commands.start.ByReply", "COMMANDS")


async def a_reply_that_is_a_signal(suite: AttackedSuite) -> str:
    return await replies_into(suite, "signals.by-reply.go", "SIGNALS")


async def a_reply_that_is_a_decision(suite: AttackedSuite) -> str:
    return await replies_into(suite, "decisions.by-reply", "DECISIONS")


async def replies_into(suite: AttackedSuite, subject: str, stream: str) -> str:
    """Ask JetStream for an ack on a subject that is stored; returns what is on this subject."""
    js = suite.jetstream("publisher")
    await suite.roles["publisher"].nats.publish("events.nobody.asked", b"{}", reply=subject)
    await js.publish("events.nobody.asked", b"{}")  # its ack comes after the other one
    found = [it async for it in suite.bus.read(subject)]
    return f"{len(found)} in {stream}" if found else "nothing stored"


ATTACKS: Final = [
    Attack("vote", publishes("publisher", "decisions.victim"), "violation"),
    Attack("signal a run", publishes("publisher", "signals.victim.go", "signals.victim.perdure_decision"), "violation"),
    Attack(
        "start, signal or cancel a run by a command",
        publishes("publisher", "commands.start.Quick", "commands.signal.go", "commands.cancel.victim"),
        "violation",
    ),
    Attack("forge the progress of a run", publishes("publisher", "progress.Quick.victim"), "violation"),
    Attack(
        "forge a request or its outcome",
        publishes("publisher", "approvals.requested.Asking.victim", "approvals.decided.Asking.victim"),
        "violation",
    ),
    Attack("forge a verdict on an event", publishes("publisher", "verdicts.work.quick"), "violation"),
    Attack("read the verdicts on events of others", subscribes("publisher", "verdicts.>"), "violation"),
    Attack("forge a due time of a schedule", publishes("publisher", "events.schedules.Report"), "violation"),
    Attack("forge a receipt", publishes("publisher", "receipts.victim=2E1"), "violation"),
    Attack("forge an alert", publishes("publisher", "alerts.Asking.victim"), "violation"),
    Attack("forge a notification's outcome", publishes("publisher", "notifications.desk"), "violation"),
    Attack("forge a dead letter", publishes("publisher", "dlq.ingest", "dlq.orchestrator"), "violation"),
    Attack(
        "put a start into a route's queue", publishes("publisher", "waiting.named.x", "latest.named.x"), "violation"
    ),
    Attack("send a notice to a channel", publishes("publisher", "notices.desk.x"), "violation"),
    Attack("write into the ledger of starts", publishes("publisher", "$KV.STARTS.victim"), "violation"),
    Attack("write the verdicts of decisions", publishes("publisher", "$KV.VERIFICATIONS.1"), "violation"),
    Attack("change a large payload of a run", publishes("publisher", "$O.PAYLOADS.C.x"), "violation"),
    Attack("read everything", subscribes("publisher", ">", "*.>"), "violation"),
    Attack("read events of others", subscribes("publisher", "events.>", "events.payroll.due"), "violation"),
    Attack(
        "read requests, decisions and receipts",
        subscribes("publisher", "approvals.>", "decisions.>", "receipts.>"),
        "violation",
    ),
    Attack("read the progress of runs without a grant", subscribes("publisher", "progress.>"), "violation"),
    Attack("read the replies to others", subscribes("publisher", "_INBOX_bot.>", "_INBOX_operator.>"), "violation"),
    Attack("answer in the place of a service", subscribes("publisher", "queries.events.outcome.>"), "violation"),
    Attack(
        "ask the services what only operators ask",
        publishes(
            "publisher",
            "queries.audit.records",
            "queries.audit.proofs",
            "queries.runs.describe",
            "queries.runs.find",
            "queries.schedules.list",
        ),
        "violation",
    ),
    Attack(
        "delete, purge or change a stream",
        publishes("publisher", *(f"$JS.API.STREAM.{verb}.EVENTS" for verb in ("DELETE", "PURGE", "UPDATE"))),
        "violation",
    ),
    Attack(
        "delete an event",
        publishes("publisher", "$JS.API.STREAM.MSG.DELETE.EVENTS", body=b'{"seq": 1}'),
        "violation",
    ),
    Attack(
        "read the stored events through a consumer",
        publishes("publisher", "$JS.API.CONSUMER.CREATE.EVENTS.mine", "$JS.API.STREAM.MSG.GET.EVENTS"),
        "violation",
    ),
    Attack(
        "take events away from ingest",
        publishes("publisher", "$JS.API.CONSUMER.MSG.NEXT.EVENTS.ingest", "$JS.ACK.EVENTS.ingest.1.1.1.1.0"),
        "violation",
    ),
    Attack("name a command as the reply subject", a_reply_that_is_a_command, "nothing stored"),
    Attack("name a signal as the reply subject", a_reply_that_is_a_signal, "nothing stored"),
    Attack("name a decision as the reply subject", a_reply_that_is_a_decision, "nothing stored"),
    Attack(
        "disguise an event as another type by its header",
        event("work.spoof", b"{}", ce_type="payroll.due", ce_id="spoof-1", **CLOUD),
        "bad_envelope",
    ),
    Attack(
        "disguise an event as another type by its envelope",
        event(
            "work.spoof",
            json.dumps(
                {"specversion": "1.0", "id": "spoof-2", "source": "attacker", "type": "payroll.due", "data": {}}
            ).encode(),
            content_type="application/cloudevents+json",
        ),
        "bad_envelope",
    ),
    Attack("start a run twice with one id and other data", same_id_with_other_data, "duplicate_id"),
    Attack("start a run twice by repeating an event", same_id_many_times, "1 run"),
    Attack("take over the run of somebody else through a template", the_run_of_somebody_else, "run_exists"),
    Attack("start a workflow that no route names", event("orders.refunded", b"{}"), "no_route"),
    Attack("start a workflow that nobody registered", event("work.lost", b"{}"), "unknown_workflow"),
    Attack("pass data that the route's schema refuses", event("work.quick", b'{"other": 1}'), "bad_data"),
    Attack("send an empty event", event("work.quick", b""), "empty_body"),
    Attack("send what is not JSON", event("work.quick", b'{"steps": 1'), "not_json"),
    Attack("send a number that JSON does not have", event("work.quick", b'{"steps": NaN}'), "not_json"),
    Attack("send a number larger than any double", event("work.quick", b'{"steps": 1e999}'), "not_json"),
    Attack("send bytes that are no text", event("work.quick", b'{"steps": "\xff"}'), "not_utf8"),
    Attack("send half of a surrogate pair", event("work.quick", rb'{"steps": "\ud800"}'), "not_json"),
    Attack("send 100,000 levels of lists", event("work.quick", b"[" * 100_000 + b"]" * 100_000), "not_json"),
    Attack("send 129 levels of lists", event("work.quick", b'{"steps":' + b"[" * 129 + b"]" * 129 + b"}"), "not_json"),
    Attack("send more than ingest takes", event("work.quick", b'{"steps": "' + b"x" * 300_000 + b'"}'), "too_large"),
    Attack("send more than NATS takes", more_than_the_server_takes, "refused by the client"),
    Attack(
        "send an event of a CloudEvents version that nobody knows",
        event("work.quick", b"{}", ce_specversion="2.0", ce_type="work.quick", ce_id="v2", ce_source="attacker"),
        "bad_envelope",
    ),
    Attack(
        "send an event without an id",
        event("work.quick", b"{}", ce_specversion="1.0", ce_type="work.quick", ce_source="attacker"),
        "bad_envelope",
    ),
    Attack("hold up others by a flood of events", a_flood_of_events_without_a_route, "no_route"),
]

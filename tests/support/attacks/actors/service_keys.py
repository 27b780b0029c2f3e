"""What the stolen nkey of one service cannot do, beyond what that service does itself."""

import json
from hashlib import sha256
from typing import Final

from perdure.bus.topology import APPEND_ONLY
from perdure.bus.topology import STREAMS as STREAMS_AND_ADVISORIES
from perdure.contracts import EventReference, Receipt, StartWorkflow, to_token
from perdure.flow.decision_verdict import DecisionVerdict
from perdure.voting.ballot import ReceivedDecision
from tests.support.attacks.attack import Attack, Move
from tests.support.attacks.doors import SIGNAL, decision_command, refusal_or_decision
from tests.support.attacks.moves import publishes, subscribes, votes
from tests.support.attacks.suite import WITHIN, AttackedSuite

STREAMS = [*STREAMS_AND_ADVISORIES, *APPEND_ONLY, "KV_STARTS"]


def destroys(service: str) -> Move:
    """Delete, purge and change every stream, and delete one message of each; a service may purge what it trims."""
    trimmed = {f"$JS.API.STREAM.PURGE.{it.name}" for it in STREAMS_AND_ADVISORIES.values() if it.trimmed_by == service}
    verbs = ("DELETE", "PURGE", "UPDATE")
    api = {f"$JS.API.STREAM.{verb}.{stream}" for verb in verbs for stream in STREAMS} - trimmed
    return publishes(service, *api, *(f"$JS.API.STREAM.MSG.DELETE.{stream}" for stream in STREAMS))


def reconfigures(service: str) -> Move:
    """Create a stream that exists, with limits that would lose its messages."""

    async def act(suite: AttackedSuite) -> str:
        before = (await suite.world.bus.js.stream_info("DECISIONS")).config
        config = {"name": "DECISIONS", "subjects": ["decisions.>"], "max_msgs": 1, "storage": "file"}
        reply = await suite.roles[service].nats.request(
            "$JS.API.STREAM.CREATE.DECISIONS", json.dumps(config).encode(), timeout=WITHIN
        )
        after = (await suite.world.bus.js.stream_info("DECISIONS")).config
        assert after == before
        return str(json.loads(reply.data)["error"]["err_code"])

    return act


def takes_from(service: str, *consumers: str) -> Move:
    """Fetch from, acknowledge for, alter and delete the consumers of other services."""
    verbs = ("MSG.NEXT", "CREATE", "DURABLE.CREATE", "DELETE", "PAUSE")
    api = [f"$JS.API.CONSUMER.{verb}.{consumer}" for verb in verbs for consumer in consumers]
    return publishes(service, *api, *(f"$JS.ACK.{consumer}.1.1.1.1.0" for consumer in consumers))


def starts(workflow: str) -> Move:
    async def act(suite: AttackedSuite) -> str:
        event = EventReference(id=suite.new_id("start"), type="work.none", source="attacker", stream_sequence=1)
        start = StartWorkflow(
            route="none", event=event, workflow=workflow, workflow_id=f"none-{event.id}", digest="0" * 64, input={}
        )
        return await suite.dead_letter("COMMANDS", await suite.publish("ingest", start))

    return act


async def a_command_that_is_none(suite: AttackedSuite) -> str:
    ack = await suite.jetstream("ingest").publish("commands.start.Quick", b'{"type": "commands.start"}')
    return await suite.dead_letter("COMMANDS", ack.seq)


async def a_forged_decision_by_command(suite: AttackedSuite) -> str:
    requested = await suite.request()
    sequence = await suite.publish("ingest", decision_command(suite, requested))
    return await refusal_or_decision(suite, requested, "COMMANDS", sequence)


async def a_forged_decision_with_a_start(suite: AttackedSuite) -> str:
    requested = await suite.request()
    command = decision_command(suite, requested, workflow="Asking", input={"title": "Never"})
    sequence = await suite.publish("ingest", command)
    return await refusal_or_decision(suite, requested, "COMMANDS", sequence)


async def a_forged_receipt(suite: AttackedSuite) -> str:
    """Its readers may believe it, the run does not."""
    requested = await suite.request()
    receipt = Receipt(
        request_id=requested.request_id, decision_id="forged", accepted=True, code="accepted", reason="it counts"
    )
    await suite.publish("orchestrator", receipt)
    handle = suite.temporal.get_workflow_handle(requested.workflow_id)
    status = (await handle.describe()).status
    return "still running" if status is not None and status.name == "RUNNING" else str(status)


async def a_verdict_of_their_own(suite: AttackedSuite) -> str:
    """The verdict on an unsigned vote is kept before the worker makes one, and the run is shown the vote's place."""
    requested = await suite.request()
    unsigned = suite.vote(requested).model_copy(update={"signature": None, "key_id": None})
    body = unsigned.model_dump_json().encode()
    sequence = await suite.send("bot", requested.workflow_id, body)
    place, subject = f"DECISIONS.{sequence}", f"decisions.{to_token(requested.workflow_id)}".encode()
    received = ReceivedDecision(decision_id=unsigned.message_id, decision=unsigned, place=place, roles=("editor",))
    verdict = DecisionVerdict(sequence=sequence, received=received).model_dump(mode="json")
    kept = {"sha256": sha256(subject + b"\0" + body).hexdigest(), "verdict": verdict}
    js = suite.jetstream("orchestrator")
    await js.publish(f"$KV.VERIFICATIONS.{place}", json.dumps(kept).encode())
    handle = suite.temporal.get_workflow_handle(requested.workflow_id)
    await handle.signal(SIGNAL, received.model_dump(mode="json"))
    return await suite.still_open(requested)


async def two_votes_with_one_key(suite: AttackedSuite) -> str:
    requested = await suite.request(policy={"quorum": 2, "roles": ["editor"]})
    await suite.decide("notifier", suite.vote(requested, "ada", key="notifier"))
    return await suite.decide("notifier", suite.vote(requested, "bob", key="notifier"))


SECRETS = ("$KV.VERIFICATIONS.1",)
ATTACKS: Final = [
    # ingest
    Attack("vote as ingest", publishes("ingest", "decisions.victim"), "violation"),
    Attack("signal a run as ingest", publishes("ingest", "signals.victim.go"), "violation"),
    Attack("publish events as ingest", publishes("ingest", "events.work.quick"), "violation"),
    Attack(
        "publish as ingest what the orchestrator does",
        publishes("ingest", "progress.Quick.x", "receipts.x", "approvals.decided.Asking.x", "alerts.Asking.x"),
        "violation",
    ),
    Attack(
        "bury messages as ingest in the name of others",
        publishes("ingest", "dlq.orchestrator", "dlq.audit"),
        "violation",
    ),
    Attack("read votes as ingest", subscribes("ingest", "decisions.>", ">"), "violation"),
    Attack(
        "read stored votes as ingest",
        publishes("ingest", "$JS.API.STREAM.MSG.GET.DECISIONS", "$JS.API.CONSUMER.CREATE.DECISIONS.x"),
        "violation",
    ),
    Attack(
        "take messages as ingest from others",
        takes_from("ingest", "COMMANDS.orchestrator", "DECISIONS.orchestrator", "EVENTS.audit"),
        "violation",
    ),
    Attack("destroy streams as ingest", destroys("ingest"), "violation"),
    Attack("lose votes as ingest by another configuration", reconfigures("ingest"), "10058"),
    Attack("write the verdicts of decisions as ingest", publishes("ingest", *SECRETS), "violation"),
    Attack("start as ingest what nobody registered", starts("Payroll"), "unknown_workflow"),
    Attack("stop the bridge as ingest by a command that is none", a_command_that_is_none, "bad_message"),
    Attack(
        "approve as ingest by a command that signals a decision",
        a_forged_decision_by_command,
        "reserved_name",
    ),
    Attack(
        "approve as ingest by a command that starts and signals",
        a_forged_decision_with_a_start,
        "reserved_name",
    ),
    Attack(
        "forge verdicts on events with the keys of other services",
        publishes("orchestrator", "verdicts.work.quick"),
        "violation",
    ),
    # orchestrator
    Attack("vote as the orchestrator", publishes("orchestrator", "decisions.victim"), "violation"),
    Attack(
        "start runs as the orchestrator",
        publishes("orchestrator", "commands.start.Quick", "events.work.quick"),
        "violation",
    ),
    Attack("signal as the orchestrator by the bus", publishes("orchestrator", "signals.victim.go"), "violation"),
    Attack(
        "notify people as the orchestrator",
        publishes("orchestrator", "notifications.desk", "notices.desk.x"),
        "violation",
    ),
    Attack(
        "take messages as the orchestrator from others",
        takes_from("orchestrator", "EVENTS.ingest", "APPROVALS.notifier", "DECISIONS.audit"),
        "violation",
    ),
    Attack("destroy streams as the orchestrator", destroys("orchestrator"), "violation"),
    Attack("lose votes as the orchestrator by another configuration", reconfigures("orchestrator"), "10058"),
    Attack("settle a request as the orchestrator by a forged receipt", a_forged_receipt, "still running"),
    Attack("approve as the orchestrator by a verdict of its own", a_verdict_of_their_own, "still open"),
    # notifier
    Attack(
        "vote as the notifier for somebody outside of its people",
        votes("eve", key="notifier", role="notifier"),
        "unknown_key",
    ),
    Attack(
        "vote as the notifier in the name of nobody",
        votes("mallory", key="notifier", role="notifier"),
        "unknown_approver",
    ),
    Attack(
        "vote as the notifier where people must sign",
        votes(key="notifier", role="notifier", request={"policy": {"roles": ["editor"], "proxies": False}}),
        "not_allowed",
    ),
    Attack("vote as the notifier without its key", votes(key="eve", role="notifier"), "unknown_key"),
    Attack(
        "be two people as the notifier",
        two_votes_with_one_key,
        "not_allowed",
    ),
    Attack(
        "start, signal or end runs as the notifier",
        publishes("notifier", "events.work.quick", "commands.start.Quick", "signals.victim.go", "progress.Quick.x"),
        "violation",
    ),
    Attack(
        "forge requests or receipts as the notifier",
        publishes("notifier", "approvals.requested.Asking.x", "receipts.x", "alerts.Asking.x"),
        "violation",
    ),
    Attack("read votes as the notifier", subscribes("notifier", "decisions.>", ">"), "violation"),
    Attack(
        "take messages as the notifier from others",
        takes_from("notifier", "DECISIONS.orchestrator", "APPROVALS.audit", "RECEIPTS.audit"),
        "violation",
    ),
    Attack("destroy streams as the notifier", destroys("notifier"), "violation"),
    Attack("lose votes as the notifier by another configuration", reconfigures("notifier"), "10058"),
    Attack("write the verdicts of decisions as the notifier", publishes("notifier", *SECRETS), "violation"),
    # audit
    Attack(
        "vote, start or signal as the audit",
        publishes("audit", "decisions.victim", "commands.start.Quick", "signals.victim.go", "events.work.quick"),
        "violation",
    ),
    Attack(
        "forge requests or receipts as the audit",
        publishes("audit", "approvals.requested.Asking.x", "receipts.x", "progress.Quick.x"),
        "violation",
    ),
    Attack(
        "take messages as the audit from others",
        takes_from("audit", "DECISIONS.orchestrator", "EVENTS.ingest", "APPROVALS.notifier"),
        "violation",
    ),
    Attack("destroy streams as the audit", destroys("audit"), "violation"),
    Attack("lose votes as the audit by another configuration", reconfigures("audit"), "10058"),
    Attack(
        "write into buckets as the audit", publishes("audit", "$KV.STARTS.x", "$KV.NOTICES.x", *SECRETS), "violation"
    ),
]

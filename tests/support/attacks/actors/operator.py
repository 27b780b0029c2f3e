"""What the operator of NATS cannot do: approve. They may read, publish, delete and signal everything else."""

import asyncio
import json
from typing import Final

from perdure.approvers import SigningKey
from perdure.contracts import to_token
from perdure.contracts.audit import AUDIT_RECORDS, AuditRecordsFound, AuditRecordsQuery
from tests.support.attacks.attack import Attack
from tests.support.attacks.doors import SIGNAL, decision_command, forged, refusal_or_decision
from tests.support.attacks.moves import altered, publishes, subscribes, votes
from tests.support.attacks.suite import WITHIN, AttackedSuite


def without_a_signature(body: bytes) -> bytes:
    return json.dumps({**json.loads(body), "signature": None, "key_id": None}).encode()


async def a_key_of_their_own(suite: AttackedSuite) -> str:
    requested = await suite.request()
    return await suite.decide("operator", suite.vote(requested, key=SigningKey.new()))


async def a_signal_that_is_a_decision(suite: AttackedSuite) -> str:
    requested = await suite.request()
    body = forged(suite, requested).model_dump_json().encode()
    sequence = await suite.publish_raw("operator", f"signals.{requested.workflow_id}.{SIGNAL}", body)
    return await refusal_or_decision(suite, requested, "SIGNALS", sequence)


async def a_signal_under_an_escaped_name(suite: AttackedSuite) -> str:
    """The same name, written with an escape in its token."""
    requested = await suite.request()
    body = forged(suite, requested).model_dump_json().encode()
    name = SIGNAL.replace("_", "=5F")
    sequence = await suite.publish_raw("operator", f"signals.{requested.workflow_id}.{name}", body)
    return await refusal_or_decision(suite, requested, "SIGNALS", sequence)


async def a_command_that_is_a_decision(suite: AttackedSuite) -> str:
    requested = await suite.request()
    sequence = await suite.publish("operator", decision_command(suite, requested))
    return await refusal_or_decision(suite, requested, "COMMANDS", sequence)


async def a_decision_deleted_and_published_again(suite: AttackedSuite) -> str:
    """The run has counted it: the same bytes at another place are a replay."""
    requested = await suite.request(policy={"quorum": 2, "roles": ["editor"]})
    vote = suite.vote(requested)
    sequence = await suite.send("bot", vote.workflow_id, vote)
    assert await suite.receipt(vote.request_id, vote.message_id, sequence) == "accepted"
    assert await suite.world.bus.js.delete_msg("DECISIONS", sequence)
    again = await suite.send("operator", vote.workflow_id, vote)
    return await suite.receipt(vote.request_id, None, again)


async def a_decision_purged_and_published_again(suite: AttackedSuite) -> str:
    requested = await suite.request(policy={"quorum": 2, "roles": ["editor"]})
    vote = suite.vote(requested)
    assert await suite.decide("bot", vote) == "accepted"
    assert await suite.world.bus.js.purge_stream("DECISIONS", subject=vote.subject)
    again = await suite.send("operator", vote.workflow_id, vote)
    return await suite.receipt(vote.request_id, None, again)


async def a_decision_deleted_from_its_stream(suite: AttackedSuite) -> str:
    """The audit has recorded it elsewhere."""
    requested = await suite.request(policy={"quorum": 2, "roles": ["editor"]})
    vote = suite.vote(requested)
    sequence = await suite.send("bot", vote.workflow_id, vote)
    await suite.receipt(vote.request_id, vote.message_id, sequence)
    assert await suite.world.bus.js.delete_msg("DECISIONS", sequence)
    query = AuditRecordsQuery(stream="DECISIONS", subject=to_token(requested.workflow_id)).model_dump_json().encode()
    async with asyncio.timeout(WITHIN):
        while True:
            reply = await suite.roles["operator"].nats.request(AUDIT_RECORDS, query, timeout=WITHIN)
            if AuditRecordsFound.model_validate_json(reply.data).records:
                return "recorded"
            await asyncio.sleep(0.05)


async def decisions_while_nobody_can_be_identified(suite: AttackedSuite) -> str:
    """The approvers file is emptied, cut off and deleted while votes arrive: they wait, and count once it is back."""
    file = suite.world.settings.approvers_file
    whole = file.read_text()
    codes = []
    for broken in ("", whole[: len(whole) // 2], None):
        requested = await suite.request(policy={"quorum": 2, "roles": ["editor"]})
        if broken is None:
            file.unlink()
        else:
            file.write_text(broken)
        vote = suite.vote(requested)
        sequence = await suite.send("bot", vote.workflow_id, vote)
        await suite.delivered("DECISIONS", sequence)  # to the bridge, which would refuse it now
        file.write_text(whole)
        codes.append(await suite.receipt(vote.request_id, vote.message_id, sequence))
    return ", ".join(codes)


ATTACKS: Final = [
    Attack("vote without a signature", altered(without_a_signature, role="operator"), "unsigned"),
    Attack("vote with a key of their own", a_key_of_their_own, "unknown_key"),
    Attack(
        "vote with a key of their own in the name of nobody",
        votes("mallory", key="eve", role="operator"),
        "unknown_approver",
    ),
    Attack(
        "turn the vote of another around",
        altered(lambda it: it.replace(b"approve", b"reject", 1), role="operator"),
        "forged",
    ),
    Attack("approve by a signal", a_signal_that_is_a_decision, "reserved_name"),
    Attack("approve by a signal with an escaped name", a_signal_under_an_escaped_name, "reserved_name"),
    Attack("approve by a command", a_command_that_is_a_decision, "reserved_name"),
    Attack(
        "make a vote count twice by deleting and publishing it again",
        a_decision_deleted_and_published_again,
        "replayed",
    ),
    Attack(
        "make a vote count twice by purging its stream and publishing it again",
        a_decision_purged_and_published_again,
        "replayed",
    ),
    Attack("leave no trace of a vote by deleting it", a_decision_deleted_from_its_stream, "recorded"),
    Attack("write the verdicts of decisions", publishes("operator", "$KV.VERIFICATIONS.1"), "violation"),
    Attack(
        "write into the ledger of starts or the queues of ingest",
        publishes("operator", "$KV.STARTS.x", "$KV.FLOW.x", "waiting.x.y", "latest.x.y", "open.x.y"),
        "violation",
    ),
    Attack(
        "read the replies to services",
        subscribes("operator", "_INBOX_ingest.>", "_INBOX_orchestrator.>", "_INBOX.>", ">"),
        "violation",
    ),
    Attack(
        "use the server's own account",
        publishes("operator", "$SYS.REQ.SERVER.PING", "$SYS.REQ.ACCOUNT.PERDURE.CONNZ"),
        "violation",
    ),
    Attack(
        "have votes refused by breaking the approvers file",
        decisions_while_nobody_can_be_identified,
        "accepted, accepted, accepted",
        alone=True,
    ),
]

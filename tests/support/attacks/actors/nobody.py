"""What somebody without any credential cannot do, who only reaches the ports."""

import asyncio
import json
from contextlib import suppress
from typing import Any, Final

import nats
from temporalio.client import WorkflowFailureError, WorkflowQueryFailedError, WorkflowUpdateFailedError
from temporalio.service import RPCError

from perdure.bus import decode
from perdure.contracts import ApprovalExpired, to_token
from tests.support.attacks.attack import Attack, Move
from tests.support.attacks.doors import SIGNAL, forged
from tests.support.attacks.suite import WITHIN, AttackedSuite
from tests.support.raw_nats import answered
from tests.support.roles import RoleClient


def without_a_key(*subjects: str) -> Move:
    """On the local engine, a client without a key is a publisher."""

    async def act(suite: AttackedSuite) -> str:
        client = RoleClient()
        client.nats = await nats.connect(suite.server.where, error_cb=client.record, allow_reconnect=False)
        try:
            allowed = [it for it in subjects if await client.may_publish(it, b"{}")]
        finally:
            await client.nats.close()
        return f"allowed: {', '.join(allowed)}" if allowed else "violation"

    return act


def spoken(*lines: bytes) -> Move:
    async def act(suite: AttackedSuite) -> str:
        return await answered(suite.server.where, b'CONNECT {"verbose": false, "headers": true}', *lines)

    return act


async def a_signal_by_temporal(suite: AttackedSuite) -> str:
    requested = await suite.request()
    handle = suite.temporal.get_workflow_handle(requested.workflow_id)
    await handle.signal(SIGNAL, forged(suite, requested).model_dump(mode="json"))
    return await suite.still_open(requested)


async def two_signals_by_temporal_for_a_quorum(suite: AttackedSuite) -> str:
    requested = await suite.request(policy={"quorum": 2, "roles": ["editor"], "proxies": False})
    handle = suite.temporal.get_workflow_handle(requested.workflow_id)
    for who in ("ada", "bob"):
        await handle.signal(SIGNAL, forged(suite, requested, who).model_dump(mode="json"))
    return await suite.still_open(requested)


async def a_signal_that_names_the_place_of_another_decision(suite: AttackedSuite) -> str:
    """The place is real, and holds a valid vote of ada on another request."""
    other, requested = await suite.request(policy={"quorum": 2, "roles": ["editor"]}), await suite.request()
    vote = suite.vote(other)
    sequence = await suite.send("bot", other.workflow_id, vote)
    await suite.receipt(vote.request_id, vote.message_id, sequence)
    handle = suite.temporal.get_workflow_handle(requested.workflow_id)
    await handle.signal(SIGNAL, forged(suite, requested, place=f"DECISIONS.{sequence}").model_dump(mode="json"))
    return await suite.still_open(requested)


async def a_signal_that_names_an_unsigned_vote(suite: AttackedSuite) -> str:
    requested = await suite.request()
    unsigned = suite.vote(requested).model_copy(update={"signature": None, "key_id": None})
    sequence = await suite.send("bot", requested.workflow_id, unsigned)
    handle = suite.temporal.get_workflow_handle(requested.workflow_id)
    await handle.signal(SIGNAL, forged(suite, requested, place=f"DECISIONS.{sequence}").model_dump(mode="json"))
    return await suite.still_open(requested)


async def a_signal_that_names_a_place_without_a_message(suite: AttackedSuite) -> str:
    requested = await suite.request()
    handle = suite.temporal.get_workflow_handle(requested.workflow_id)
    await handle.signal(SIGNAL, forged(suite, requested, place="DECISIONS.999999999").model_dump(mode="json"))
    return await suite.receipt(requested.request_id, None, 999_999_999)


def signalled_with(*arguments: Any) -> Move:
    """Signal what is no decision; the run still judges the next vote."""

    async def act(suite: AttackedSuite) -> str:
        requested = await suite.request()
        handle = suite.temporal.get_workflow_handle(requested.workflow_id)
        for argument in arguments:
            await handle.signal(SIGNAL, argument)
        return await suite.still_open(requested)

    return act


async def signalled_without_payload(suite: AttackedSuite) -> str:
    requested = await suite.request()
    await suite.temporal.get_workflow_handle(requested.workflow_id).signal(SIGNAL)
    return await suite.still_open(requested)


async def an_update(suite: AttackedSuite) -> str:
    requested = await suite.request()
    handle = suite.temporal.get_workflow_handle(requested.workflow_id)
    try:
        await handle.execute_update(SIGNAL, forged(suite, requested).model_dump(mode="json"))
    except (WorkflowUpdateFailedError, RPCError):
        return "refused"
    return "done"


async def a_query(suite: AttackedSuite) -> str:
    requested = await suite.request()
    handle = suite.temporal.get_workflow_handle(requested.workflow_id)
    try:
        await handle.query(SIGNAL)
    except (WorkflowQueryFailedError, RPCError):
        return "refused"
    return "answered"


async def a_termination(suite: AttackedSuite) -> str:
    """Whoever reaches Temporal may end a run; that approves nothing, and the record has its end."""
    requested = await suite.request()
    handle = suite.temporal.get_workflow_handle(requested.workflow_id)
    await handle.terminate("mine")
    with suppress(WorkflowFailureError):
        await handle.result()
    async with asyncio.timeout(WITHIN):
        async for stored in suite.bus.subscribe(f"progress.Asking.{to_token(requested.workflow_id)}", replay=True):
            if json.loads(stored.raw.body)["kind"] == "terminated":
                return "terminated"
    return "the bus was closed"


async def a_cancellation(suite: AttackedSuite) -> str:
    requested = await suite.request()
    handle = suite.temporal.get_workflow_handle(requested.workflow_id)
    await handle.cancel()
    with suppress(WorkflowFailureError):
        await handle.result()
    async with asyncio.timeout(WITHIN):
        async for stored in suite.bus.subscribe(
            f"approvals.expired.Asking.{to_token(requested.workflow_id)}", replay=True
        ):
            expired = decode(stored.raw)
            assert isinstance(expired, ApprovalExpired)
            return expired.reason
    return "the bus was closed"


ATTACKS: Final = [
    Attack("vote without a key", without_a_key("decisions.victim"), "violation"),
    Attack("signal without a key", without_a_key("signals.victim.go"), "violation"),
    Attack("command without a key", without_a_key("commands.start.Quick"), "violation"),
    Attack(
        "forge facts without a key",
        without_a_key("progress.Quick.x", "receipts.x", "approvals.decided.x.x"),
        "violation",
    ),
    Attack(
        "use JetStream's API without a key",
        without_a_key("$JS.API.INFO", "$JS.API.STREAM.LIST", "$JS.API.STREAM.DELETE.EVENTS"),
        "violation",
    ),
    Attack(
        "use the server's own subjects without a key",
        without_a_key("$SYS.REQ.SERVER.PING", "$SYS.REQ.ACCOUNT.PERDURE.CONNZ"),
        "violation",
    ),
    Attack(
        "send more than the server takes, past the client",
        spoken(b"PUB events.work.quick 20000000"),
        "maximum payload violation",
    ),
    Attack(
        "send a subject that is longer than any, past the client",
        spoken(b"PUB events." + b"x" * 5_000 + b" 2", b"{}"),
        "maximum control line exceeded",
    ),
    Attack("speak what is no protocol", spoken(b"GET / HTTP/1.1"), "unknown protocol operation"),
    Attack("approve by a signal through Temporal", a_signal_by_temporal, "still open"),
    Attack("meet a quorum by signals through Temporal", two_signals_by_temporal_for_a_quorum, "still open"),
    Attack(
        "approve by a signal that names the place of another decision",
        a_signal_that_names_the_place_of_another_decision,
        "still open",
    ),
    Attack("approve by a signal that names an unsigned vote", a_signal_that_names_an_unsigned_vote, "still open"),
    Attack(
        "approve by a signal that names a place without a message",
        a_signal_that_names_a_place_without_a_message,
        "not_kept",
    ),
    Attack("stop a run by a signal without any payload", signalled_without_payload, "still open"),
    Attack(
        "stop a run by signals that fit no decision",
        signalled_with("approve", 7, {"decision": "approve"}),
        "still open",
    ),
    Attack(
        "fail a run by a signal without an argument",
        signalled_with(None),
        "still open",
    ),
    Attack("approve by an update through Temporal", an_update, "refused"),
    Attack("approve by a query through Temporal", a_query, "refused"),
    Attack("approve by terminating the run", a_termination, "terminated"),
    Attack("approve by cancelling the run", a_cancellation, "the run closed this request"),
]

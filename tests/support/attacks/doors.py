"""The doors to a run beside DECISIONS: commands, signals, and Temporal itself. Each is tried with a forged decision."""

import asyncio
from datetime import UTC, datetime
from typing import Any

from temporalio.client import Client

from perdure.bus import encode
from perdure.contracts import ApprovalRequested, EventReference, Message, SignalWorkflow
from perdure.flow.ballot import ReceivedDecision
from tests.support.attacks.suite import AttackedSuite

__all__ = ["SIGNAL", "decision_command", "forged", "publish", "refusal_or_decision", "temporal"]

SIGNAL = "perdure_decision"
_POLL_EVERY = 0.05  # seconds
_OPEN_FOR = 40  # polls after which nothing else is expected


def forged(suite: AttackedSuite, about: ApprovalRequested, who: str = "ada", place: str = "") -> ReceivedDecision:
    """Return a decision as the bridge would hand it over, with nobody's signature and every role."""
    vote = suite.vote(about, who).model_copy(update={"signature": None, "key_id": None})
    return ReceivedDecision(
        decision_id=vote.message_id, decision=vote, place=place, roles=("editor",), stored_at=datetime.now(UTC)
    )


def decision_command(suite: AttackedSuite, about: ApprovalRequested, **changes: Any) -> SignalWorkflow:
    """Return the command of a route that signals a forged decision."""
    event = EventReference(id=suite.new_id("forged"), type="work.asking", source="attacker", stream_sequence=1)
    fields = {
        "route": "forged",
        "event": event,
        "workflow_id": about.workflow_id,
        "digest": "0" * 64,
        "signal": SIGNAL,
        "argument": forged(suite, about).model_dump(mode="json"),
    }
    return SignalWorkflow.model_validate({**fields, **changes})


async def publish(suite: AttackedSuite, role: str, message: Message) -> int:
    """Publish a message of Perdure's contracts with the credentials of a role; returns its sequence."""
    raw = encode(message, source="perdure/attacker")
    ack = await suite.roles[role].nats.jetstream().publish(raw.subject, raw.body, headers=dict(raw.headers))
    return ack.seq


async def refusal_or_decision(suite: AttackedSuite, about: ApprovalRequested, stream: str, sequence: int) -> str:
    """Return the reason of a message's dead letter, or ``decided``, or ``nothing`` if neither comes."""
    for _ in range(_OPEN_FOR):
        if about.request_id in await suite.decided():
            return "decided"
        for found in [found async for found in suite.dead_letters()]:
            if (found.stream, found.stream_sequence) == (stream, sequence):
                return found.reason
        await asyncio.sleep(_POLL_EVERY)
    return "nothing"


async def temporal(suite: AttackedSuite) -> Client:
    """Connect to Temporal as anybody does who reaches its port."""
    return await Client.connect(suite.world.suite.endpoints.temporal)

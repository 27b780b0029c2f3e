"""The doors to a run beside DECISIONS: commands, signals, and Temporal itself. Each is tried with a forged decision."""

from datetime import UTC, datetime
from typing import Any

from perdure.contracts import ApprovalRequested, EventReference, SignalWorkflow
from perdure.voting.ballot import ReceivedDecision
from tests.support.attacks.suite import AttackedSuite
from tests.support.first_of import first_of

__all__ = ["SIGNAL", "decision_command", "forged", "refusal_or_decision"]

SIGNAL = "perdure_decision"


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


async def refusal_or_decision(suite: AttackedSuite, about: ApprovalRequested, stream: str, sequence: int) -> str:
    """Wait for the dead letter of a message, and return its reason; or ``decided`` if its request is."""
    return await first_of(suite.dead_letter(stream, sequence), suite.is_decided(about))

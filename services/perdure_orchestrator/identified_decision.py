"""Who signed a decision, as the bridge asks before it signals a run, and the worker before the run judges."""

from dataclasses import asdict
from typing import Protocol

from pydantic import JsonValue

from perdure.approvers import ApproversVersion, NotVerified
from perdure.bus import StoredMessage
from perdure.contracts import Decision
from perdure.voting.ballot import ReceivedDecision
from perdure_orchestrator.parsing import place_of

__all__ = ["Approvers", "identified"]


class Approvers(Protocol):
    """Where the approvers' keys come from, such as ``RecordedApprovers``."""

    async def version(self) -> ApproversVersion:
        """Return the approvers.

        Raises:
            Unavailable: They cannot be read.
        """


def identified(
    message: StoredMessage, decision: Decision, body: dict[str, JsonValue], approvers: ApproversVersion
) -> tuple[ReceivedDecision, NotVerified | None]:
    """Return a decision with what the approvers file holds about its approver, and why it is refused, if it is.

    Args:
        message: The message of DECISIONS; who may sign goes by the time at which JetStream stored it.
        decision: The decision in it.
        body: Its body, which is what was signed.
        approvers: The approvers file.
    """
    received = ReceivedDecision(
        decision_id=decision.message_id,
        decision=decision,
        place=place_of(message),
        stored_at=message.stored_at,
        approvers_digest=approvers.digest,
    )
    try:
        identity = approvers.directory.identify(body, message.stored_at)
    except NotVerified as refusal:
        return received, refusal
    return received.model_copy(update=asdict(identity)), None

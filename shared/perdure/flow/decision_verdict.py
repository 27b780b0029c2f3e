"""What a run and its worker pass each other about decisions: their places in the stream, and the verdicts on them."""

from typing import Final

from pydantic import PositiveInt

from perdure.contracts import ReceiptCode
from perdure.flow.payload import Payload
from perdure.voting.ballot import ReceivedDecision

__all__ = ["VERIFY_DECISIONS", "DecisionVerdict", "VerificationBatch"]

VERIFY_DECISIONS: Final = "verify_decisions"  # histories hold it: it never changes


class VerificationBatch(Payload):
    """The decisions to verify.

    Attributes:
        sequences: Their sequences in the stream DECISIONS, as they arrived. The verdicts come in its order.
    """

    sequences: tuple[PositiveInt, ...]


class DecisionVerdict(Payload):
    """Whether a message of DECISIONS is a decision of its approver.

    Attributes:
        sequence: Its sequence in the stream.
        received: The decision; None if the message is none, is on another run, or is gone.
        code: Why it is refused; None: the approver signed it.
        reason: Likewise, for people.
    """

    sequence: PositiveInt
    received: ReceivedDecision | None = None
    code: ReceiptCode | None = None
    reason: str = ""

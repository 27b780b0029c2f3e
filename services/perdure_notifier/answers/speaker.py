"""Says what people answered elsewhere, signed by the notifier: whether that counts is for the request's policy."""

import asyncio
from dataclasses import dataclass
from typing import Literal

from perdure.approvers import SigningKey, sign
from perdure.bus import Bus
from perdure.bus.receipts import receipt_of
from perdure.contracts import Decision, Receipt, Sha256

__all__ = ["Answer", "Speaker"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What somebody said.

    Attributes:
        digest: Of what they were shown.
        nonce: Of this answer alone, and the same if it comes again.
    """

    request_id: str
    digest: Sha256
    decision: Literal["approve", "reject", "withdraw"]
    approver: str
    comment: str
    nonce: str


class Speaker:
    """The notifier's voice on the bus, by its own key."""

    def __init__(self, bus: Bus, key: SigningKey) -> None:
        self._bus = bus
        self._key = key

    async def say(self, answer: Answer) -> Decision:
        """Say it, and return once it is stored: from then on it is judged, whoever dies.

        Raises:
            Unavailable: NATS does not confirm it.
        """
        decision = Decision(
            workflow_id=answer.request_id.rpartition(".")[0],
            request_id=answer.request_id,
            decision=answer.decision,
            approver=answer.approver,
            comment=answer.comment,
            digest=answer.digest,
            nonce=answer.nonce,
        )
        decision = sign(decision, self._key)
        await self._bus.say(decision)
        return decision

    async def receipt(self, decision: Decision, *, within: float) -> Receipt | None:
        """Return what became of it, if that is known within so many seconds."""
        try:
            async with asyncio.timeout(within):
                return await receipt_of(self._bus, decision)
        except TimeoutError:
            return None

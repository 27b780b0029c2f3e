"""Says on the bus what people answered, signed, and hears what became of it."""

import asyncio
from dataclasses import asdict, dataclass
from typing import Literal

from perdure.approvers import SigningKey, sign
from perdure.bus.envelope import decode
from perdure.bus.port import Bus
from perdure.contracts import Decision, Receipt, Sha256, to_token
from perdure.errors import Unavailable

__all__ = ["DecisionClient", "DecisionDraft", "PublishedDecision"]


@dataclass(frozen=True, slots=True)
class DecisionDraft:
    """What somebody said.

    Attributes:
        digest: Of what they were shown.
        nonce: Of this answer alone, and the same if it comes again.
        first_run_id: Of the request, if the one who answers was shown it.
    """

    request_id: str
    digest: Sha256
    decision: Literal["approve", "reject", "withdraw"]
    approver: str
    comment: str
    nonce: str
    first_run_id: str | None = None


@dataclass(frozen=True, slots=True)
class PublishedDecision:
    """A decision, and where it lies: ``DECISIONS.<sequence>``."""

    decision: Decision
    place: str


class DecisionClient:
    """Signs with one key: a person's own, or that of a program which speaks for people, if policies take that."""

    def __init__(self, bus: Bus, key: SigningKey) -> None:
        self._bus = bus
        self._key = key

    async def publish(self, answer: DecisionDraft) -> PublishedDecision:
        """Say it, and return once it is stored: from then on it is judged, whoever dies.

        Raises:
            Unavailable: NATS does not confirm it.
        """
        decision = Decision(workflow_id=answer.request_id.rpartition(".")[0], **asdict(answer))
        decision = sign(decision, self._key)
        return PublishedDecision(decision, f"DECISIONS.{await self._bus.publish(decision)}")

    async def receipt(self, spoken: PublishedDecision, *, within: float) -> Receipt | None:
        """Return what became of it, if that is known within so many seconds.

        Raises:
            Unavailable: The bus was closed before it came.
        """
        try:
            async with asyncio.timeout(within):
                return await self._receipt(spoken)
        except TimeoutError:
            return None

    async def _receipt(self, spoken: PublishedDecision) -> Receipt:
        """Wait for it; one that names another place is of somebody else, who said something under the same id."""
        decision = spoken.decision
        async for heard in self._bus.subscribe(f"receipts.{to_token(decision.request_id)}", replay=True):
            message = decode(heard.raw)
            if not isinstance(message, Receipt) or message.decision_id != decision.message_id:
                continue
            if message.place in {None, spoken.place}:
                return message
        raise Unavailable("The bus closed before a receipt came.")

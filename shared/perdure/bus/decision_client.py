"""Publishes signed decisions on approval requests, and waits for their receipts."""

import asyncio
from dataclasses import asdict, dataclass
from typing import Literal

from perdure.approvers import SigningKey, sign
from perdure.bus.envelope import decode
from perdure.bus.port import Bus
from perdure.contracts import Decision, Receipt, Sha256, to_token
from perdure.errors import Unavailable

__all__ = ["DecisionClient", "DecisionDraft", "PublishedDecision", "publish_signed", "receipt_of"]


@dataclass(frozen=True, slots=True)
class DecisionDraft:
    """A decision that is not signed yet.

    Attributes:
        digest: Digest of the request as the approver saw it.
        nonce: Unique to this decision; a resent decision has the same nonce.
        first_run_id: The request's ``first_run_id``, if the approver saw it.
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
    """A published decision, with its place in the stream: ``DECISIONS.<sequence>``."""

    decision: Decision
    place: str


class DecisionClient:
    """Signs decisions with one key and publishes them.

    The key is an approver's own, or that of a proxy that policies accept for the approver.
    """

    def __init__(self, bus: Bus, key: SigningKey) -> None:
        self._bus = bus
        self._key = key

    async def publish(self, draft: DecisionDraft) -> PublishedDecision:
        """Sign a decision and publish it; a stored decision gets a receipt even if this process ends.

        Raises:
            Unavailable: NATS did not confirm that it is stored.
        """
        decision = sign(Decision(workflow_id=draft.request_id.rpartition(".")[0], **asdict(draft)), self._key)
        return await publish_signed(self._bus, decision)

    async def receipt(self, published: PublishedDecision, *, within: float) -> Receipt | None:
        """Return the receipt of a decision; see ``receipt_of``."""
        return await receipt_of(self._bus, published, within=within)


async def publish_signed(bus: Bus, decision: Decision) -> PublishedDecision:
    """Publish a decision that its approver has signed.

    Raises:
        Unavailable: NATS did not confirm that it is stored.
    """
    return PublishedDecision(decision, f"DECISIONS.{await bus.publish(decision)}")


async def receipt_of(bus: Bus, published: PublishedDecision, *, within: float) -> Receipt | None:
    """Return the receipt of a decision, or None if none arrives within so many seconds; ``waiting`` is none.

    Raises:
        Unavailable: The bus was closed before the receipt arrived.
    """
    try:
        async with asyncio.timeout(within):
            return await _receipt(bus, published)
    except TimeoutError:
        return None


async def _receipt(bus: Bus, published: PublishedDecision) -> Receipt:
    """Wait for the final receipt; one with another place belongs to another decision with the same id."""
    decision = published.decision
    async for message in bus.subscribe(f"receipts.{to_token(decision.request_id)}", replay=True):
        receipt = decode(message.raw)
        if not isinstance(receipt, Receipt) or receipt.decision_id != decision.message_id:
            continue
        if receipt.is_final and receipt.place in {None, published.place}:
            return receipt
    raise Unavailable("The bus was closed before the receipt arrived. The decision is stored; do not publish it again.")

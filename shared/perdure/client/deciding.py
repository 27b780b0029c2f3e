"""Signs and publishes decisions, and waits for their receipts."""

from typing import Literal
from uuid import uuid4

from perdure.approvers import SigningKey, check_digest
from perdure.bus import Bus
from perdure.bus.decision_client import DecisionClient, DecisionDraft
from perdure.contracts import LONGEST_COMMENT, ApprovalRequested, Receipt, to_token
from perdure.errors import Pending, Unavailable, WrongArgument

__all__ = ["Choice", "publish_decision"]

Choice = Literal["approve", "reject", "withdraw"]


async def publish_decision(  # noqa: PLR0913 (what a decision says)
    bus: Bus,
    request: ApprovalRequested,
    choice: Choice,
    *,
    approver: str | None,
    key: SigningKey,
    comment: str = "",
    within: float = 30.0,
) -> Receipt:
    """Sign a decision, publish it, and return its receipt; see ``Client.decide``.

    Raises:
        DigestMismatch: The request shows something else than its digest is about.
    """
    check_digest(request)
    if not approver:
        raise WrongArgument("Name the approver: a key that is no file has no name.")
    if len(comment) > LONGEST_COMMENT:
        raise WrongArgument(f"The comment has {len(comment):,} characters; the limit is {LONGEST_COMMENT:,}.")
    client = DecisionClient(bus, key)
    published = await client.publish(
        DecisionDraft(
            request_id=request.request_id,
            digest=request.digest,
            decision=choice,
            approver=approver,
            comment=comment,
            nonce=uuid4().hex,
            first_run_id=request.first_run_id,
        )
    )
    try:
        receipt = await client.receipt(published, within=within)
    except Unavailable:  # the connection broke after the decision was stored
        receipt = None
    if receipt is None:
        raise Pending(
            f"No receipt has come. The decision is stored ({published.place}) and will be judged once the orchestrator "
            f"is there: do not repeat it. The receipt comes on receipts.{to_token(request.request_id)}."
        )
    return receipt

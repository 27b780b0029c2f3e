"""Signs and publishes decisions, and waits for their receipts."""

import asyncio
from typing import Final, Literal
from uuid import uuid4

from perdure.approvers import SigningKey, check_digest
from perdure.bus import Bus
from perdure.bus.decision_client import DecisionClient, DecisionDraft, PublishedDecision
from perdure.bus.views.stuck_runs import watch_stuck
from perdure.contracts import LONGEST_COMMENT, ApprovalRequested, Receipt, to_token
from perdure.contracts.runs import StuckRun
from perdure.errors import Pending, Unavailable, WrongArgument
from perdure.values.printable import one_line
from perdure.values.short_code import run_word

__all__ = ["Choice", "publish_decision"]

_JUST_MENDED: Final = 0.7  # seconds that a run may take which STUCK still holds, because its code was mended just now

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
    found = await _receipt_or_stuck(bus, client, published, request.workflow_id, within)
    if isinstance(found, Receipt):
        return found
    raise Pending(
        f"No receipt has come{_why(found)} The decision is stored ({published.place}) and will be judged once the "
        f"{'code is mended' if found else 'orchestrator is there'}: do not repeat it. The receipt comes on "
        f"receipts.{to_token(request.request_id)}."
    )


async def _receipt_or_stuck(
    bus: Bus, client: DecisionClient, published: PublishedDecision, workflow_id: str, within: float
) -> Receipt | StuckRun | None:
    """Wait for a receipt; of a run that waits for mended code none comes, which is known at once."""
    receiving = asyncio.create_task(client.receipt(published, within=within))
    looking = asyncio.create_task(_first_stuck(bus, workflow_id))
    try:
        await asyncio.wait({receiving, looking}, return_when=asyncio.FIRST_COMPLETED)
        if not receiving.done() and looking.exception() is None:
            await asyncio.wait({receiving}, timeout=_JUST_MENDED)
            if not receiving.done():
                return looking.result()
        return await receiving
    except Unavailable:  # the connection broke after the decision was stored
        return None
    finally:
        receiving.cancel()
        looking.cancel()
        await asyncio.wait({receiving, looking})


async def _first_stuck(bus: Bus, workflow_id: str) -> StuckRun:
    return await anext(watch_stuck(bus, workflow_id))


def _why(stuck: StuckRun | None) -> str:
    if stuck is None:
        return "."
    return f": the run {run_word(stuck.workflow_id)} is stuck, it waits for mended code ({one_line(stuck.error)})."

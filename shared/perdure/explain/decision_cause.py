"""Whether a decision counts, and what its approver can do about it."""

from typing import Final

from perdure.explain.explanation import Answer, cite, closed
from perdure.explain.snapshot import FactSnapshot
from perdure.values.short_code import request_word

__all__ = ["decision_answer"]

_REMEDIES: Final = {
    "unsigned": "Sign it: `perdure approve` does so with the key in the keys folder.",
    "forged": "Sign it with the approver's own key; if nobody of yours published it, see docs/security.md.",
    "unknown_approver": "Add the approver with `perdure approvers add`, and decide again.",
    "unknown_key": "Add the key with `perdure approvers add` or `rotate`, and decide again.",
    "revoked_key": "Decide again with a key that is not revoked: `perdure approvers rotate` makes one.",
    "wrong_digest": "Look at the request as it is now, `perdure approvals show`, and decide again.",
    "not_allowed": "Somebody whom the policy names has to decide: `perdure approvals show` lists them.",
    "decision_expired": "Decide again: the decision came later than it allows itself.",
    "unreadable": "Publish a decision that follows docs/approvals.md; its dead letter names what is wrong.",
    "not_kept": "Decide again: DECISIONS no longer holds the message.",
}
_NOTHING: Final = "Nothing: the request is settled, or this vote is in already; `perdure approvals show` shows which."


def decision_answer(snapshot: FactSnapshot) -> Answer:
    """Return the answer for a decision; one without receipt waits for the orchestrator."""
    stored = snapshot.decision
    place = None if stored is None else stored.place
    finals = [it for it in snapshot.receipts if it.message.is_final]
    receipt = next(iter(finals or snapshot.receipts), None)
    if receipt is None:
        is_down = "orchestrator" in snapshot.silent
        reason = (
            "No orchestrator answers, which would judge it." if is_down else "The orchestrator has not judged it yet."
        )
        start = "Start the orchestrator (`perdure up`), and do not send the decision again."
        remedy = start if is_down else "Wait: its receipt comes."
        return Answer(
            "decision_waiting",
            cite(f"The decision {snapshot.asked} is stored, and has no receipt.", place),
            cite(reason, place),
            cite(remedy, place),
        )
    it = receipt.message
    word = request_word(it.request_id)
    why = cite(f"The receipt gives the reason: {closed(it.reason)}", receipt.place)
    if not it.is_final:
        return Answer(
            "decision_waiting",
            cite(f"The decision {it.decision_id} waits for its run.", place, receipt.place),
            why,
            cite("Wait: another receipt follows once the run is there.", receipt.place),
        )
    if it.accepted:
        return Answer(
            "decision_accepted",
            cite(f"The decision {it.decision_id} counts on the request {it.request_id}.", place, receipt.place),
            why,
            cite(f"Nothing; `perdure explain {word}` shows whether votes are missing.", receipt.place),
        )
    return Answer(
        "decision_refused",
        cite(f"The decision {it.decision_id} does not count ({it.code}).", place, receipt.place),
        why,
        cite(_REMEDIES.get(it.code, _NOTHING), receipt.place),
    )

"""What an approval request waits for: whose votes are missing, until when, and whether anybody was notified."""

from collections.abc import Iterator

from perdure.contracts import ApprovalRequested, Policy
from perdure.explain.explanation import Answer, Cause, Sentence, cite, closed
from perdure.explain.snapshot import FactSnapshot, RequestFacts
from perdure.values.printable import one_line
from perdure.values.request_state import RequestState
from perdure.values.short_code import request_word, run_word

__all__ = ["missing_votes", "open_request", "request_answer", "settlement_text"]


def request_answer(snapshot: FactSnapshot, facts: RequestFacts) -> Answer:
    """Return the answer for an approval request."""
    if facts.state == "open":
        return open_request(snapshot, facts)
    request = facts.request.message
    reason = f": {closed(facts.reason)}" if facts.reason else "."
    cause: Cause = facts.state
    became = cite(
        settlement_text(request, facts.state, by=facts.settled_by),
        facts.request.place,
        facts.settled,
    )
    cast = ", ".join(f"{name} ({vote})" for name, vote in facts.votes)
    votes = f"The votes that count are those of {cast}" if cast else "No vote counts"
    why = cite(f"{votes}{reason}", facts.settled or facts.request.place, *_receipts(snapshot, facts))
    explain = f"`perdure explain {run_word(request.workflow_id)}`"
    if facts.state in {"expired", "withdrawn"}:
        remedy = f"Nobody can decide it any more: see what its run made of that, {explain}; a new run asks again."
    else:
        remedy = f"Nothing: it is decided. What its run made of it: {explain}."
    return Answer(cause, became, why, cite(remedy, facts.settled or facts.request.place))


def settlement_text(request: ApprovalRequested, state: RequestState, *, by: str = "") -> str:
    """Return how an approval request was settled, in a sentence.

    Args:
        request: The request.
        state: What it is by now.
        by: The people on the winning side, joined by commas.
    """
    return f"The request {request.request_id} ({one_line(request.title)}) is {state}{f' by {by}' if by else ''}."


def open_request(snapshot: FactSnapshot, facts: RequestFacts) -> Answer:
    """Return the answer for what waits for people: a request that is open, or its run."""
    request = facts.request.message
    until = "without a time limit" if request.expires_at is None else f"until {request.expires_at:%Y-%m-%d %H:%M:%S %Z}"
    became = cite(
        f"The run {request.workflow_id} waits for a person to decide {request.request_id} ({request.title}), {until}.",
        facts.request.place,
    )
    votes = cite(missing_votes(facts), facts.request.place, *_receipts(snapshot, facts))
    decide = f"`perdure approve {request_word(request.request_id)}` or `perdure reject` decides it"
    if failed := list(_failed_notices(snapshot)):
        channels = " ".join(dict.fromkeys(it.text for it in failed))
        why = cite(f"{channels} {votes.text}", *(place for it in failed for place in it.places), *votes.places)
        remedy = cite(f"Mend the channel (`perdure doctor`), or ask them another way: {decide}.", *why.places[:1])
        return Answer("channel_down", became, why, remedy)
    if "notifier" in snapshot.silent and not any(it.message.outcome == "sent" for it in snapshot.notices):
        why = cite(f"No notifier runs, which would send them a notice. {votes.text}", *votes.places)
        remedy = cite(f"Start it (`perdure up`, or the notifier's process), or ask them: {decide}.", *why.places[:1])
        return Answer("channel_down", became, why, remedy)
    return Answer("waiting_person", became, votes, cite(f"One who may vote has to: {decide}.", facts.request.place))


def missing_votes(facts: RequestFacts) -> str:
    """Return how many votes are missing, and who may cast them."""
    policy = facts.current_policy
    approved = [name for name, vote in facts.votes if vote == "approve"]
    missing = max(0, policy.quorum - len(approved))
    has = f", has that of {', '.join(approved)}" if approved else ""
    roles = [f"{count} of role {role}" for role, count in policy.role_quorums.items()]
    takes = f"It takes {policy.quorum} approval{'s' if policy.quorum > 1 else ''}{has}"
    of_roles = f", among them {', '.join(roles)}" if roles else ""
    return f"{takes}{of_roles}: {missing} missing, from {_voters(policy, approved)}."


def _voters(policy: Policy, approved: list[str]) -> str:
    people = [name for name in policy.people if name not in approved]
    roles = [f"role {role}" for role in policy.voting_roles]
    return " or ".join([*people, *roles]) or "any approver"


def _receipts(snapshot: FactSnapshot, facts: RequestFacts) -> Iterator[str]:
    for receipt in snapshot.receipts:
        if receipt.message.request_id == facts.request.message.request_id and receipt.message.accepted:
            yield receipt.place


def _failed_notices(snapshot: FactSnapshot) -> Iterator[Sentence]:
    """Yield what failed; nothing if any channel has sent a notice."""
    if any(it.message.outcome == "sent" for it in snapshot.notices):
        return
    for channel in dict.fromkeys(it.message.channel for it in snapshot.notices):
        it = [it for it in snapshot.notices if it.message.channel == channel][-1]
        if it.message.outcome == "failed":
            yield cite(f"No notice was sent: channel {channel} failed: {closed(it.message.detail)}", it.place)
        elif it.message.outcome == "retried":
            since = f"{it.message.sent_at:%Y-%m-%d %H:%M:%S %Z}"
            text = f"Nobody could be notified yet: channel {channel} fails since {since}, and tries again: "
            yield cite(f"{text}{closed(it.message.detail)}", it.place)

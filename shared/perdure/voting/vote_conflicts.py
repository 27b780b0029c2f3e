"""When the votes of two people count as one: four eyes are two people, and one proxy's key is one key."""

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the ballot imports this module
    from perdure.voting.ballot import ReceivedDecision

__all__ = ["same_person", "same_proxy"]


def same_person(
    vote: "ReceivedDecision", later: "ReceivedDecision", has_own_right: Callable[["ReceivedDecision"], bool]
) -> str | None:
    """Return why two votes speak for one person; None if they do not.

    Somebody who is away and their delegate have one vote, also if the delegate may vote for themselves too. Two
    delegates of one person have one vote unless one of them may vote for themselves.

    Args:
        vote: The vote that counts.
        later: The vote of somebody else, which came later.
        has_own_right: Whether somebody may vote without the people whom they stand in for.
    """
    voter = vote.decision.approver
    if later.decision.approver in vote.stands_in_for:
        return f"{voter}, who stands in for you, voted before: you two have one vote"
    if voter in later.stands_in_for:
        return f"{voter}, for whom you stand in, voted before: you two have one vote"
    both = sorted(set(vote.stands_in_for) & set(later.stands_in_for))
    if both and not has_own_right(vote) and not has_own_right(later):
        return f"{voter} voted before for {', '.join(both)}, for whom you would vote too"
    return None


def same_proxy(vote: "ReceivedDecision", later: "ReceivedDecision") -> str | None:
    """Return why two votes for the same result have one signer; None if they do not. A proxy's keys count as one."""
    if vote.proxy is None or later.proxy is None or vote.decision.decision != later.decision.decision:
        return None
    if vote.proxy != later.proxy and (vote.key_id is None or vote.key_id != later.key_id):
        return None
    return (
        f"{later.proxy} signed the {vote.decision.decision} of {vote.decision.approver} before, and a proxy has one "
        "vote here: sign it with your own key"
    )

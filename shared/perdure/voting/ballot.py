"""One approval request and the votes on it: pure, so that every replay judges alike."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict

from perdure.contracts import ApprovalRequested, Decision, Escalation, Receipt, ReceiptCode, Severity, Vote
from perdure.values.role_quorums import missing_votes
from perdure.voting.vote_conflicts import same_person, same_proxy

__all__ = ["Ballot", "Conclusion", "ReceivedDecision"]

_WITH_PLACE: Final = {
    "replayed",
    "unknown_run",  # it may have counted before the run ended
    "unsigned",
    "unknown_approver",
    "unknown_key",
    "forged",
    "revoked_key",
    "waiting",  # another receipt follows
    "not_kept",
}
"""Receipts that carry their place in the stream: those of decisions that others may have sent in an approver's name, so
that they never replace the receipt of the approver's own, and those that must not be taken for the final one."""


class ReceivedDecision(BaseModel):
    """A decision as the bridge hands it over, with what the bridge knows of its approver.

    Attributes:
        decision_id: The message id under which it was published.
        place: ``<stream>.<sequence>``; the same decision at another place is a replay.
        roles: The approver's roles when it arrived, and those of the people whom they stood in for.
        own_roles: Only the approver's own roles; None if they are not known.
        stands_in_for: The absent people whom the approver stood in for when it arrived.
        proxy: The program that signed for the approver, if they did not sign themselves.
        proxy_severities: The severities of the requests that the proxy may sign for; empty: all.
        key_id: The key that signed it, once verified.
        approvers_digest: SHA-256 of the approvers file by which it was verified, in hex.
        stored_at: When JetStream stored it (UTC). Deadlines go by it: a worker that tries again has a later clock.
        may_have_counted: Whether its run is a retry or one of cron's: an earlier attempt, whose requests had the same
            ids, may have published its receipt.
    """

    model_config = ConfigDict(frozen=True)

    decision_id: str
    decision: Decision
    place: str = ""
    roles: tuple[str, ...] = ()
    own_roles: tuple[str, ...] | None = None
    stands_in_for: tuple[str, ...] = ()
    proxy: str | None = None
    proxy_severities: tuple[Severity, ...] = ()
    key_id: str | None = None
    approvers_digest: str | None = None
    stored_at: AwareDatetime | None = None
    may_have_counted: bool = False

    def receipt(self, code: ReceiptCode, reason: str) -> Receipt:
        """Make the receipt of this decision."""
        has_place = code in _WITH_PLACE or (self.may_have_counted and code != "accepted")
        return Receipt(
            request_id=self.decision.request_id,
            decision_id=self.decision_id,
            accepted=code == "accepted",
            code=code,
            reason=reason,
            place=self.place if has_place else None,
            approvers_digest=self.approvers_digest,
        )


@dataclass(frozen=True, slots=True)
class Conclusion:
    """How a ballot ended.

    Attributes:
        last: The decision that settled it.
        votes: The votes of the winning side, in the order in which they came.
    """

    decision: Literal["approve", "reject"]
    last: ReceivedDecision
    votes: tuple[Vote, ...]

    @property
    def approvers(self) -> str:
        """The names of the winning side, separated by commas."""
        return ", ".join(vote.approver for vote in self.votes)

    @property
    def comments(self) -> str:
        """The comments of the winning side, one a line."""
        return "\n".join(vote.comment for vote in self.votes if vote.comment)


@dataclass(slots=True)
class Ballot:
    """The votes on one request, one a person.

    Attributes:
        conclusion: Set by the vote that settles the request; nothing changes after it.
    """

    request: ApprovalRequested
    conclusion: Conclusion | None = None
    _people: set[str] = field(default_factory=set)
    _roles: set[str] = field(default_factory=set)
    _votes: dict[str, ReceivedDecision] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._people = set(self.request.policy.people)
        roles = self.request.policy.voting_roles
        self._roles = {*roles, *(self.request.policy.veto_roles if self._is_limited() else ())}

    def add_approvers(self, rung: Escalation) -> None:
        """Let the people and roles of an escalation vote too, or instead."""
        if rung.instead:
            self._people, self._roles = set(), set()
        elif not self._is_limited():
            return  # everybody may vote already
        self._people |= set(rung.people)
        self._roles |= set(rung.roles)

    def judge(self, received: ReceivedDecision, now: datetime) -> Receipt:
        """Count or refuse a decision; afterwards ``conclusion`` says whether it settled the request."""
        refusal = self._refusal(received, now)
        if refusal is not None:
            return received.receipt(*refusal)
        decision, approver = received.decision, received.decision.approver
        if decision.decision == "withdraw":
            withdrawn = self._votes.pop(approver).decision.decision
            return received.receipt("accepted", f"your {withdrawn} is withdrawn: you may vote again")
        self._votes[approver] = received
        self._conclude(received)
        if self.conclusion is not None:
            return received.receipt("accepted", "it counts, and settles the request")
        return received.receipt("accepted", f"it counts: {self._tally(decision)}")

    def _refusal(self, received: ReceivedDecision, now: datetime) -> tuple[ReceiptCode, str] | None:  # noqa: PLR0911 (a list)
        decision, request = received.decision, self.request
        before = self._votes.get(decision.approver)
        if decision.first_run_id is not None and decision.first_run_id != request.first_run_id:
            return "replayed", "it names another run of this workflow id"
        if decision.digest != request.digest:
            return (
                "wrong_digest",
                "its digest is not the request's: the approver saw other content",
            )
        if decision.expires_at is not None and decision.expires_at < now:
            return "decision_expired", "the decision itself had expired when it arrived"
        if request.expires_at is not None and request.expires_at < now:
            return "request_expired", "the request had expired when it arrived"
        if why := self._proxy_not_allowed(received):
            return "not_allowed", why
        if decision.decision == "withdraw":
            return None if before else ("nothing_to_withdraw", "you have no vote on this request")
        if why := self._not_allowed(received):
            return "not_allowed", why
        if before is not None:
            why = f"you voted {before.decision.decision} before: you may withdraw it until the request is settled"
            return "duplicate", why
        if request.digest_version > 1 and (why := self._counted_before(received)):  # histories of version 1 hold both
            return "duplicate", why
        return None

    def _proxy_not_allowed(self, received: ReceivedDecision) -> str | None:
        if received.proxy is None:
            return None
        if not self.request.policy.proxies:
            return f"{received.proxy} signed it: this request takes only what people sign themselves"
        if received.proxy_severities and self.request.severity not in received.proxy_severities:
            allowed = ", ".join(received.proxy_severities)
            return f"{received.proxy} signed it, and may sign for requests of severity {allowed} only"
        return None

    def _counted_before(self, received: ReceivedDecision) -> str | None:
        """Return why a vote that counts already counts for this one too; None if none does."""
        for vote in self._votes.values():
            if why := same_person(vote, received, self._votes_for_themselves):
                return why
        if self.request.policy.distinct_people or self._vetoes(received):
            return None
        return next(filter(None, (same_proxy(vote, received) for vote in self._votes.values())), None)

    def _votes_for_themselves(self, received: ReceivedDecision) -> bool:
        """Return whether somebody may vote also without the people whom they stand in for."""
        own = set(received.own_roles or ())
        return not self._is_limited() or received.decision.approver in self._people or bool(own & self._roles)

    def _not_allowed(self, received: ReceivedDecision) -> str | None:
        policy, approver = self.request.policy, received.decision.approver
        names = {approver, *received.stands_in_for}
        if excluded := sorted(names & set(policy.excluded)):
            return f"{excluded[0]} may not vote on this request"
        if self.request.requester in names and not policy.requester_may_answer:
            return f"{self.request.requester} requested it, and so may not vote"
        if not self._is_limited() or names & self._people or set(received.roles) & self._roles:
            return None
        return f"{approver} may not vote: the request is for {', '.join(self._eligible())}"

    def _conclude(self, received: ReceivedDecision) -> None:
        policy, choice = self.request.policy, received.decision.decision
        alike = [vote for vote in self._votes.values() if vote.decision.decision == choice]
        if choice == "approve":
            enough = len(alike) >= policy.quorum and not missing_votes(policy.role_quorums, map(_roles_of, alike))
        else:
            enough = len(alike) >= policy.rejections or self._vetoes(received)
        if choice != "withdraw" and enough:
            votes = tuple(
                Vote(approver=vote.decision.approver, comment=vote.decision.comment, proxy=vote.proxy) for vote in alike
            )
            self.conclusion = Conclusion(choice, received, votes)

    def _vetoes(self, received: ReceivedDecision) -> bool:
        return received.decision.decision == "reject" and bool(
            set(received.roles) & set(self.request.policy.veto_roles)
        )

    def _tally(self, decision: Decision) -> str:
        policy = self.request.policy
        alike = [vote for vote in self._votes.values() if vote.decision.decision == decision.decision]
        if decision.decision == "reject":
            return f"{len(alike)} of {policy.rejections}"
        missing = missing_votes(policy.role_quorums, map(_roles_of, alike))
        waits = ", ".join(f"{count} of role {role}" for role, count in missing.items())
        return f"{len(alike)} of {policy.quorum}{f', still without {waits}' if waits else ''}"

    def _is_limited(self) -> bool:
        return bool(self._people or self._roles or self.request.policy.voting_roles)

    def _eligible(self) -> Iterator[str]:
        yield from sorted(self._people)
        yield from (f"role {role}" for role in sorted(self._roles))


def _roles_of(vote: ReceivedDecision) -> set[str]:
    return set(vote.roles)

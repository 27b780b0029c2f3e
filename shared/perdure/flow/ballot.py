"""One approval request and the voices on it: pure, so that every replay judges alike."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict

from perdure.contracts import ApprovalRequested, Decision, Escalation, Receipt, ReceiptCode, Vote

__all__ = ["Ballot", "Conclusion", "ReceivedDecision"]

_NOT_OF_THE_APPROVER: Final = {
    "replayed",
    "unknown_run",  # it may have counted before the run ended
    "unsigned",
    "unknown_approver",
    "unknown_key",
    "forged",
    "revoked_key",
}
"""What others can say under an approver's name must not stand in the way of the receipt that is theirs."""


class ReceivedDecision(BaseModel):
    """A decision as the bridge hands it over, and what the bridge knows of the one who made it.

    Attributes:
        decision_id: The id under which it was published.
        place: Where it lies in its stream: the same decision at another place is a replay.
        roles: Those of the approver, when it arrived.
        stands_in_for: People who are away, and whom the approver stood in for when it arrived.
        proxy: The program that signed for the approver, if they did not sign themselves.
        stored_at: When JetStream stored it (UTC): what is in time is judged by this, for a worker that tries again
            has a later clock.
    """

    model_config = ConfigDict(frozen=True)

    decision_id: str
    decision: Decision
    place: str = ""
    roles: tuple[str, ...] = ()
    stands_in_for: tuple[str, ...] = ()
    proxy: str | None = None
    stored_at: AwareDatetime | None = None

    def receipt(self, code: ReceiptCode, reason: str) -> Receipt:
        """Say what became of it."""
        return Receipt(
            request_id=self.decision.request_id,
            decision_id=self.decision_id,
            accepted=code == "accepted",
            code=code,
            reason=reason,
            place=self.place if code in _NOT_OF_THE_APPROVER else None,
        )


@dataclass(frozen=True, slots=True)
class Conclusion:
    """How a poll ended.

    Attributes:
        last: The decision that settled it.
        voices: Those on the winning side, in the order in which they came.
    """

    decision: Literal["approve", "reject"]
    last: ReceivedDecision
    votes: tuple[Vote, ...]


@dataclass(slots=True)
class Ballot:
    """The voices on one request, one a person.

    Attributes:
        conclusion: Once there is one, nothing changes any more.
    """

    request: ApprovalRequested
    conclusion: Conclusion | None = None
    _people: set[str] = field(default_factory=set)
    _roles: set[str] = field(default_factory=set)
    _votes: dict[str, ReceivedDecision] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._people = set(self.request.policy.people)
        self._roles = {*self.request.policy.roles, *(self.request.policy.veto_roles if self._is_limited() else ())}

    def add_approvers(self, rung: Escalation) -> None:
        """From now on others may answer too, or instead."""
        if rung.instead:
            self._people, self._roles = set(), set()
        elif not self._is_limited():
            return  # everybody may already
        self._people |= set(rung.people)
        self._roles |= set(rung.roles)

    def judge(self, arrived: ReceivedDecision, now: datetime) -> Receipt:
        """Judge a decision; ``conclusion`` tells whether it settled the request."""
        refused = self._refusal(arrived, now)
        if refused is not None:
            return arrived.receipt(*refused)
        decision, who = arrived.decision, arrived.decision.approver
        if decision.decision == "withdraw":
            withdrawn = self._votes.pop(who).decision.decision
            return arrived.receipt("accepted", f"your {withdrawn} is withdrawn: you may answer anew")
        self._votes[who] = arrived
        self._conclude(arrived)
        if self.conclusion is not None:
            return arrived.receipt("accepted", "it counts, and settles the request")
        return arrived.receipt("accepted", f"it counts: {self._tally(decision)}")

    def _refusal(self, arrived: ReceivedDecision, now: datetime) -> tuple[ReceiptCode, str] | None:  # noqa: PLR0911 (a list)
        decision, request = arrived.decision, self.request
        before = self._votes.get(decision.approver)
        if decision.first_run_id is not None and decision.first_run_id != request.first_run_id:
            return "replayed", "it answers another run of this workflow id"
        if decision.digest != request.digest:
            return "wrong_digest", "it names another digest than the request: what was seen is not what will happen"
        if decision.expires_at is not None and decision.expires_at < now:
            return "decision_expired", "the decision itself had expired when it arrived"
        if request.expires_at is not None and request.expires_at < now:
            return "request_expired", "the request had expired when it arrived"
        if arrived.proxy is not None and not request.policy.proxies:
            return "not_allowed", f"{arrived.proxy} signed it: this request takes only what people sign themselves"
        if decision.decision == "withdraw":
            return None if before else ("nothing_to_withdraw", "you have no voice on this request")
        if why := self._not_allowed(arrived):
            return "not_allowed", why
        if before is not None:
            why = f"you said {before.decision.decision} before: until the request is settled you may withdraw it"
            return "duplicate", why
        return None

    def _not_allowed(self, arrived: ReceivedDecision) -> str | None:
        policy, who = self.request.policy, arrived.decision.approver
        names = {who, *arrived.stands_in_for}
        if self.request.requester in names and not policy.requester_may_answer:
            return f"{self.request.requester} asked for it, and so may not answer"
        if not self._is_limited() or names & self._people or set(arrived.roles) & self._roles:
            return None
        return f"{who} may not answer: asked are {', '.join(self._asked())}"

    def _conclude(self, arrived: ReceivedDecision) -> None:
        policy, said = self.request.policy, arrived.decision.decision
        alike = [voice for voice in self._votes.values() if voice.decision.decision == said]
        enough = policy.quorum if said == "approve" else policy.rejections
        vetoes = said == "reject" and bool(set(arrived.roles) & set(policy.veto_roles))
        if said != "withdraw" and (vetoes or len(alike) >= enough):
            voices = tuple(
                Vote(approver=it.decision.approver, comment=it.decision.comment, proxy=it.proxy) for it in alike
            )
            self.conclusion = Conclusion(said, arrived, voices)

    def _tally(self, decision: Decision) -> str:
        policy = self.request.policy
        alike = sum(voice.decision.decision == decision.decision for voice in self._votes.values())
        return f"{alike} of {policy.quorum if decision.decision == 'approve' else policy.rejections}"

    def _is_limited(self) -> bool:
        return bool(self._people or self._roles or self.request.policy.roles)

    def _asked(self) -> Iterator[str]:
        yield from sorted(self._people)
        yield from (f"role {role}" for role in sorted(self._roles))

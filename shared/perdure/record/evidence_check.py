"""Checks a file of evidence offline: proofs, signatures with the keys that were valid then, and the votes counted anew.

Pure. It trusts the ledger's key and nothing else: not the file, and not what the suite has decided.
"""

from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass
from typing import Final

from pydantic import ValidationError

from perdure.approvers import NotVerified
from perdure.contracts import ApprovalDecided, ApprovalExpired, Receipt
from perdure.ledger import BadNote, BadProof, ProofFile, Verifier, record_entry
from perdure.record.evidence import EvidenceFile, EvidenceMessage
from perdure.record.evidence_content import CastDecision, EvidenceContent
from perdure.voting import Ballot, ReceivedDecision

__all__ = ["EvidenceReport", "check_evidence"]

_NOT_JUDGED: Final = frozenset({"replayed", "unknown_run", "waiting", "not_kept", "unreadable", "never_asked"})
"""Receipts of decisions that no ballot has judged."""


@dataclass(frozen=True, slots=True)
class EvidenceReport:
    """What a check has found.

    Attributes:
        outcome: What the request is by the votes counted anew: ``approve``, ``reject``, ``expired`` or ``open``.
        votes: The people whose votes counted on the winning side.
        key: The ledger's key (a `vkey`) to which everything is proven.
        faults: What is wrong, as sentences; empty if everything holds.
    """

    outcome: str
    votes: tuple[str, ...]
    key: str
    faults: tuple[str, ...]


def check_evidence(text: str | bytes, trusted: Sequence[Verifier] = ()) -> EvidenceReport:
    """Check a file.

    Args:
        text: The file.
        trusted: The keys of the ledger that one trusts; without any, the file's own key is.
    """
    try:
        file = EvidenceFile.model_validate_json(text)
        keys = [*trusted] or [Verifier.parse(file.key)]
    except (ValidationError, BadNote) as error:
        return EvidenceReport("unknown", (), "", (f"This is no file of evidence of version 1: {error}",))
    faults = [*_unproven(file, keys)]
    found = EvidenceContent(file.request_id)
    for message in sorted(file.messages, key=lambda it: (it.stream, it.sequence)):
        faults += found.take(message)
    if found.request is None:
        return EvidenceReport("unknown", (), file.key, (*faults, f"The request {file.request_id} itself is missing."))
    count = _Count(found, Ballot(found.request))
    faults += count.faults()
    return EvidenceReport(count.outcome, count.votes, file.key, tuple(faults))


def _unproven(file: EvidenceFile, keys: Sequence[Verifier]) -> Iterator[str]:
    """Yield what the ledger does not prove."""
    if Verifier.parse(file.key) not in keys:
        yield f"The file is of a ledger with another key: {file.key}."
    seen = set()
    for message in file.messages:
        try:
            proof = ProofFile.parse(message.proof)
            proof.verified([*keys])
        except BadProof as error:
            yield f"{message.place} is not proven: {error}"
            continue
        if record_entry(message.kept) != proof.extra:
            yield f"{message.place} is not what its leaf {proof.index} is about: it was changed."
        if message.place in seen:
            yield f"{message.place} is there twice."
        seen.add(message.place)


class _Count:
    """Counts the votes of a file anew.

    Args:
        found: The messages.
        ballot: The request, without votes.
    """

    def __init__(self, found: EvidenceContent, ballot: Ballot) -> None:
        self._found = found
        self._ballot = ballot

    @property
    def outcome(self) -> str:
        """What the votes come to."""
        if (conclusion := self._ballot.conclusion) is not None:
            return conclusion.decision
        return "open" if self._found.outcome is None else "expired"

    @property
    def votes(self) -> tuple[str, ...]:
        """Who is on the winning side."""
        conclusion = self._ballot.conclusion
        return () if conclusion is None else tuple(vote.approver for vote in conclusion.votes)

    def faults(self) -> Iterator[str]:
        """Count, and yield in what that differs from what the file says."""
        left = [it for it in self._found.receipts if it.is_final]
        for cast in self._found.decisions:
            if (receipt := _receipt_of(cast, left)) is not None:
                left.remove(receipt)
            yield from self._judge(cast, receipt)
        yield from (f"The decision {it.decision_id}, of which there is a receipt, is missing." for it in left)
        yield from self._differences()

    def _judge(self, cast: CastDecision, receipt: Receipt | None) -> Iterator[str]:
        place, decision = cast.message.place, cast.decision
        if decision.request_id != self._found.request_id:
            yield f"{place} is a decision on another request, {decision.request_id}."
        elif receipt is None:
            if self._found.outcome is not None:
                yield f"{place}: the decision of {decision.approver} has no receipt."
        elif self._ballot.conclusion is not None:
            if receipt.accepted:
                yield f"{place}: the decision of {decision.approver} counted after the votes had decided."
        elif receipt.code not in _NOT_JUDGED and not self._is_withdrawn(receipt):
            yield from self._count(cast, receipt)

    def _is_withdrawn(self, receipt: Receipt) -> bool:
        """Return whether a decision came when the run no longer waited for any."""
        return receipt.code == "no_longer_asked" and isinstance(self._found.outcome, ApprovalExpired)

    def _count(self, cast: CastDecision, receipt: Receipt) -> Iterator[str]:
        place, decision = cast.message.place, cast.decision
        if (known := self._found.files.get(receipt.approvers_digest or "")) is None:
            yield f"{place}: the approvers file by which it was verified is missing."
            return
        try:
            identity = known.identify(cast.body, cast.message.stored_at)
        except NotVerified as refusal:
            if receipt.accepted:
                yield f"{place}: it counted as the vote of {decision.approver}, and {refusal}."
            return
        received = ReceivedDecision(
            decision_id=decision.message_id,
            decision=decision,
            place=place.replace(":", "."),
            stored_at=cast.message.stored_at,
            approvers_digest=receipt.approvers_digest,
        ).model_copy(update=asdict(identity))
        reason = ""
        for trial in self._escalated(cast.message):
            verdict = trial.judge(received, cast.message.stored_at)
            if verdict.accepted == receipt.accepted:
                self._ballot = trial
                return
            reason = verdict.reason
        published = "counted" if receipt.accepted else "was refused"
        yield f"{place}: the decision of {decision.approver} {published}, and by the votes before it: {reason}."

    def _escalated(self, message: EvidenceMessage) -> Iterator[Ballot]:
        """Yield the votes under the escalations that were published before a message, then under those due."""
        request, escalations = self._ballot.request, self._found.escalations
        published = sum(it.stored_at <= message.stored_at for it, _ in escalations)
        due = sum(request.opened_at + rung.after <= message.stored_at for rung in request.policy.rungs)
        for count in dict.fromkeys((published, max(published, min(len(escalations), due)))):
            trial = deepcopy(self._ballot)
            for rung in request.policy.rungs[:count]:
                trial.add_approvers(rung)
            yield trial

    def _differences(self) -> Iterator[str]:
        """Yield in what the published outcome differs from the votes."""
        conclusion, outcome = self._ballot.conclusion, self._found.outcome
        if not isinstance(outcome, ApprovalDecided):
            if conclusion is not None:
                yield f"The votes decide it ({conclusion.decision}), and no such outcome was published."
        elif conclusion is None:
            yield f"It was published as decided ({outcome.decision}), and the votes do not decide it."
        elif outcome.decision != conclusion.decision:
            yield f"It was published as {outcome.decision}, and the votes say {conclusion.decision}."
        elif outcome.decision_id != conclusion.last.decision_id or outcome.votes != conclusion.votes:
            yield "It was published with other votes than those that decide it."


def _receipt_of(cast: CastDecision, receipts: Sequence[Receipt]) -> Receipt | None:
    """Return the receipt of a decision: one that names its place, else one that names it."""
    place = cast.message.place.replace(":", ".")
    exact = [it for it in receipts if it.place == place and it.is_final]
    alike = [it for it in receipts if it.place is None and it.decision_id == cast.decision.message_id]
    return next(iter([*exact, *alike]), None)

"""A file of evidence holds only if each vote was signed, counted by the policy, and is in the ledger."""

import json
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from perdure.approvers import SigningKey, sign
from perdure.bus import encode
from perdure.contracts import (
    ApprovalDecided,
    ApprovalRequested,
    ApproversFileRead,
    Decision,
    Message,
    Policy,
    Receipt,
    Vote,
    request_digest,
)
from perdure.ledger import (
    Checkpoint,
    GrowingTree,
    Kept,
    ProofFile,
    Signer,
    Verifier,
    inclusion_ranges,
    leaf_hash,
    range_hash,
    record_entry,
    sign_checkpoint,
)
from perdure.record.evidence import EvidenceFile, EvidenceMessage
from perdure.record.evidence_check import check_evidence
from tests.support.command_line import perdure

BEGAN = datetime(2026, 11, 30, tzinfo=UTC)
LEDGER, OTHER = (Signer("perdure", Ed25519PrivateKey.from_private_bytes(bytes([it] * 32))) for it in (1, 2))
ADA, BOB, EVE = (SigningKey.new() for _ in range(3))
PEOPLE = {"ada": ADA, "bob": BOB, "eve": EVE}


def approvers(**keys: dict[str, object]) -> str:
    """Return an approvers file, in which eve has another role than the two who may vote."""
    people = {
        name: {"roles": ["guest" if name == "eve" else "lead"], "keys": [{"public": key.public, **keys.get(name, {})}]}
        for name, key in PEOPLE.items()
    }
    return yaml.safe_dump({"approvers": people})


def digest_of(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def request(number: int = 1, **policy: object) -> ApprovalRequested:
    fields = ApprovalRequested(
        workflow="W", workflow_id="w", run_id="r", request_id=f"w.{number}", title="Pay?", digest="0" * 64,
        digest_version=2, opened_at=BEGAN, policy=Policy.model_validate({"roles": ("lead",), "quorum": 2, **policy}),
    )  # fmt: skip
    return fields.model_copy(update={"digest": request_digest(fields)})


def decision(who: str, vote: str = "approve", *, on: ApprovalRequested, key: SigningKey | None = None) -> Decision:
    cast = Decision.model_validate(
        {
            "workflow_id": "w", "request_id": on.request_id, "decision": vote, "approver": who, "digest": on.digest,
            "nonce": f"{who}{vote}",
        }
    )  # fmt: skip
    return sign(cast, key or PEOPLE[who])


def receipt(of: Decision, *, accepted: bool = True, file: str | None = None) -> Receipt:
    return Receipt(
        request_id=of.request_id, decision_id=of.message_id, accepted=accepted,
        code="accepted" if accepted else "not_allowed", reason="It is so.",
        approvers_digest=digest_of(file or approvers()),
    )  # fmt: skip


def decided(last: Decision, *people: str, outcome: str = "approve") -> ApprovalDecided:
    return ApprovalDecided.model_validate(
        {
            "workflow": "W", "workflow_id": "w", "run_id": "r", "request_id": "w.1", "decision": outcome,
            "decision_id": last.message_id, "approver": ", ".join(people),
            "votes": [Vote(approver=it) for it in people], "decided_at": BEGAN,
        }
    )  # fmt: skip


def file_read(text: str) -> ApproversFileRead:
    return ApproversFileRead(digest=digest_of(text), modified_at=BEGAN, content=text, at=BEGAN)


@dataclass
class History:
    """What a suite has published about one request; whoever owns it can publish anything."""

    request: ApprovalRequested = field(default_factory=request)
    file: str = field(default_factory=approvers)
    decisions: list[Decision] = field(default_factory=list)
    receipts: list[Receipt] = field(default_factory=list)
    outcome: ApprovalDecided | None = None

    @property
    def messages(self) -> list[Message]:
        outcome = [] if self.outcome is None else [self.outcome]
        return [file_read(self.file), self.request, *self.decisions, *self.receipts, *outcome]


def honest() -> History:
    asked = request()
    votes = [decision("ada", on=asked), decision("eve", "reject", on=asked), decision("bob", on=asked)]
    receipts = [receipt(it, accepted=it.approver != "eve") for it in votes]
    return History(asked, approvers(), votes, receipts, decided(votes[-1], "ada", "bob"))


def recorded(messages: Sequence[Message], signer: Signer = LEDGER) -> EvidenceFile:
    """Return the evidence over messages that a ledger has recorded in this order."""
    counts: dict[str, int] = {}
    kept = []
    for number, message in enumerate(messages):
        raw = encode(message, source="perdure/test")
        stream = {"admin": "ADMIN"}.get(raw.subject.split(".")[0], raw.subject.split(".")[0].upper())
        counts[stream] = counts.get(stream, 0) + 1
        at = BEGAN + timedelta(seconds=number)
        kept.append(Kept(stream, counts[stream], at, raw.subject, raw.headers, raw.body, bytes([number] * 32)))
    entries = [record_entry(it) for it in kept]
    tree = GrowingTree()
    tiles = tree.append(map(leaf_hash, entries))
    note = sign_checkpoint(Checkpoint("perdure", tree.size, tree.root()), signer)
    proofs = [
        ProofFile(leaf, tuple(range_hash(*it, tiles) for it in inclusion_ranges(leaf, tree.size)), note, entry)
        for leaf, entry in enumerate(entries)
    ]
    parts = [
        EvidenceMessage(
            stream=it.stream, sequence=it.sequence, stored_at=it.stored_at, subject=it.subject,
            headers=dict(it.headers), body=it.body or b"", salt=it.salt, proof=str(proof),
        )
        for it, proof in zip(kept, proofs, strict=True)
    ]  # fmt: skip
    return EvidenceFile(request_id="w.1", key=str(signer.verifier), messages=tuple(parts))


def test_an_honest_file_holds_for_whoever_trusts_the_ledgers_key() -> None:
    text = recorded(honest().messages).model_dump_json(indent=2)

    report = check_evidence(text, [LEDGER.verifier])

    assert report.faults == ()
    assert (report.outcome, report.votes, report.key) == ("approve", ("ada", "bob"), str(LEDGER.verifier))


def test_a_request_that_is_open_says_so() -> None:
    history = honest()
    first = replace(history, decisions=history.decisions[:1], receipts=history.receipts[:1], outcome=None)

    report = check_evidence(recorded(first.messages).model_dump_json(), [LEDGER.verifier])

    assert (report.outcome, report.votes, report.faults) == ("open", (), ())


def forged_vote(history: History) -> None:
    forged = decision("bob", on=history.request, key=EVE).model_copy(update={"key_id": BOB.key_id})
    history.decisions[2] = forged


def unsigned_vote(history: History) -> None:
    history.decisions[2] = history.decisions[2].model_copy(update={"signature": None, "key_id": None})


def changed_vote(history: History) -> None:
    history.decisions[2] = decision("bob", "reject", on=history.request).model_copy(
        update={"decision": "approve", "nonce": history.decisions[2].nonce}
    )


def swapped_key(history: History) -> None:
    history.file = history.file.replace(BOB.public, SigningKey.new().public)
    history.receipts = [receipt(it, accepted=it.approver != "eve", file=history.file) for it in history.decisions]


def swapped_key_under_the_old_digest(history: History) -> None:
    history.file = history.file.replace(BOB.public, EVE.public)


def revoked_key(history: History) -> None:
    history.file = approvers(bob={"revoked": BEGAN - timedelta(days=1)})
    history.receipts = [receipt(it, accepted=it.approver != "eve", file=history.file) for it in history.decisions]


def weaker_policy(history: History) -> None:
    history.request = history.request.model_copy(update={"policy": Policy(roles=("lead",), quorum=1)})


def weaker_policy_with_its_digest(history: History) -> None:
    history.request = request(quorum=1)


def removed_decision(history: History) -> None:
    del history.decisions[2]


def removed_decision_and_receipt(history: History) -> None:
    del history.decisions[2], history.receipts[2]


def removed_receipt(history: History) -> None:
    del history.receipts[1]


def other_outcome(history: History) -> None:
    history.outcome = decided(history.decisions[-1], "ada", "bob", outcome="reject")


def other_votes(history: History) -> None:
    history.outcome = decided(history.decisions[-1], "ada", "eve")


def outcome_without_quorum(history: History) -> None:
    del history.decisions[1:], history.receipts[1:]
    history.outcome = decided(history.decisions[0], "ada")


def withheld_outcome(history: History) -> None:
    history.outcome = None


def counted_who_may_not(history: History) -> None:
    history.receipts[1] = receipt(history.decisions[1])


def refused_who_may(history: History) -> None:
    history.receipts[0] = receipt(history.decisions[0], accepted=False)


def another_requests_decision(history: History) -> None:
    history.decisions[2] = decision("bob", on=request(2))
    history.receipts[2] = receipt(history.decisions[2]).model_copy(update={"request_id": "w.1"})


def another_contents_decision(history: History) -> None:
    seen = history.request.model_copy(update={"title": "Pay less?"})
    seen = seen.model_copy(update={"digest": request_digest(seen)})
    history.decisions[2] = decision("bob", on=seen)


def the_same_vote_twice(history: History) -> None:
    history.decisions[2] = history.decisions[0]
    history.receipts[2] = history.receipts[0]
    history.outcome = decided(history.decisions[0], "ada", "ada")


def no_approvers_file(history: History) -> None:
    history.file = "approvers: {}"


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (forged_vote, "DECISIONS:3: it counted as the vote of bob, and its signature is not that of the key"),
        (unsigned_vote, "DECISIONS:3: it counted as the vote of bob, and it carries no signature"),
        (changed_vote, "DECISIONS:3: it counted as the vote of bob, and its signature is not that of the key"),
        (swapped_key, "DECISIONS:3: it counted as the vote of bob, and the key"),
        (swapped_key_under_the_old_digest, "DECISIONS:1: the approvers file by which it was verified is missing"),
        (revoked_key, "DECISIONS:3: it counted as the vote of bob, and the key"),
        (weaker_policy, "APPROVALS:1: the request's digest is not that of what it shows"),
        (
            weaker_policy_with_its_digest,
            "DECISIONS:1: the decision of ada counted, and by the votes before it: its digest",
        ),
        (removed_decision, "The decision w.1.bob.bobapprove, of which there is a receipt, is missing"),
        (removed_decision_and_receipt, "published as decided (approve), and the votes do not decide it"),
        (removed_receipt, "DECISIONS:2: the decision of eve has no receipt"),
        (other_outcome, "It was published as reject, and the votes say approve"),
        (other_votes, "It was published with other votes than those that decide it"),
        (outcome_without_quorum, "published as decided (approve), and the votes do not decide it"),
        (withheld_outcome, "The votes decide it (approve), and no such outcome was published"),
        (counted_who_may_not, "DECISIONS:2: the decision of eve counted, and by the votes before it: eve may not vote"),
        (refused_who_may, "DECISIONS:1: the decision of ada was refused, and by the votes before it: it counts"),
        (another_requests_decision, "DECISIONS:3 is a decision on another request, w.2"),
        (another_contents_decision, "DECISIONS:3: the decision of bob counted, and by the votes before it: its digest"),
        (the_same_vote_twice, "DECISIONS:3: the decision of ada counted, and by the votes before it: you voted"),
        (no_approvers_file, "DECISIONS:1: the approvers file by which it was verified is missing"),
    ],
)
def test_what_the_owner_of_a_suite_records_and_signs_falsely_is_found(
    change: Callable[[History], None], fault: str
) -> None:
    history = honest()
    change(history)

    report = check_evidence(recorded(history.messages).model_dump_json(), [LEDGER.verifier])

    assert fault in " ".join(report.faults)


def edited(part: EvidenceMessage, **changes: object) -> EvidenceMessage:
    return part.model_copy(update=changes)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda it: edited(it, body=it.body.replace(b"approve", b"reject")), "it was changed"),
        (lambda it: edited(it, stored_at=it.stored_at - timedelta(days=3)), "it was changed"),
        (lambda it: edited(it, subject="decisions.v"), "it was changed"),
        (lambda it: edited(it, salt=bytes(32)), "it was changed"),
        (lambda it: edited(it, headers={}), "it was changed"),
        (lambda it: edited(it, sequence=9), "it was changed"),
        (lambda it: edited(it, proof="nothing"), "is not proven"),
        (lambda it: edited(it, proof=it.proof.replace("index 2", "index 1")), "is not proven"),
    ],
    ids=["body", "time", "subject", "salt", "headers", "sequence", "proof", "index"],
)
def test_what_anybody_edits_in_the_file_is_found(
    change: Callable[[EvidenceMessage], EvidenceMessage], fault: str
) -> None:
    file = recorded(honest().messages)
    parts = [change(it) if it.place == "DECISIONS:1" else it for it in file.messages]

    report = check_evidence(file.model_copy(update={"messages": tuple(parts)}).model_dump_json(), [LEDGER.verifier])

    assert fault in " ".join(report.faults)


def test_a_ledger_of_ones_own_making_is_not_trusted() -> None:
    text = recorded(honest().messages, signer=OTHER).model_dump_json()

    by_others = check_evidence(text, [LEDGER.verifier])
    by_itself = check_evidence(text)

    assert "The file is of a ledger with another key" in by_others.faults[0]
    assert (by_itself.faults, by_itself.key) == ((), str(OTHER.verifier))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": "other"}', "\x00", json.dumps({"key": 3})])
def test_what_is_no_file_of_evidence_says_so(text: str) -> None:
    report = check_evidence(text, [Verifier("perdure", bytes(32))])

    assert "no file of evidence of version 1" in report.faults[0]


def test_a_file_without_its_request_is_not_believed() -> None:
    file = recorded(honest().messages)
    parts = tuple(it for it in file.messages if it.place != "APPROVALS:1")

    report = check_evidence(file.model_copy(update={"messages": parts}).model_dump_json(), [LEDGER.verifier])

    assert report.outcome == "unknown"
    assert "The request w.1 itself is missing." in report.faults


def verified(folder: Path, text: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Check a file on the command line, on a machine without a suite."""
    (folder / "decision.json").write_text(text)
    return perdure(folder, "audit", "verify", "decision.json", *options, environment={"PERDURE_STATE": str(folder)})


def test_the_command_line_says_what_the_votes_come_to_and_whose_counted(tmp_path: Path) -> None:
    text = recorded(honest().messages).model_dump_json(indent=2)

    shown = verified(tmp_path, text, "--key", str(LEDGER.verifier))
    found = verified(tmp_path, text, "--key", str(LEDGER.verifier), "--json")
    first_use = verified(tmp_path, text)

    assert [it.returncode for it in (shown, found, first_use)] == [0, 0, 0], shown.stderr
    assert "The evidence about w.1 holds: approve." in shown.stdout
    assert "Votes that counted: ada, bob." in shown.stdout
    assert json.loads(found.stdout) == {
        "request_id": "w.1", "outcome": "approve", "votes": ["ada", "bob"], "key": str(LEDGER.verifier),
        "key_source": "--key", "trusted_on_first_use": False, "holds": True, "faults": [],
    }  # fmt: skip
    assert "trusted on first use" in first_use.stdout


def test_the_command_line_lists_each_fault_of_a_file_and_ends_with_1(tmp_path: Path) -> None:
    history = honest()
    forged_vote(history)
    text = recorded(history.messages).model_dump_json()
    faults = check_evidence(text, [LEDGER.verifier]).faults

    shown = verified(tmp_path, text, "--key", str(LEDGER.verifier))
    found = verified(tmp_path, text, "--key", str(LEDGER.verifier), "--json")
    other = verified(tmp_path, text, "--key", str(OTHER.verifier))
    unreadable = verified(tmp_path, '{"format": "perdure-evidence"}', "--key", str(LEDGER.verifier))

    assert [it.returncode for it in (shown, found, other, unreadable)] == [1, 1, 1, 1]
    assert [line for line in shown.stdout.splitlines() if line.startswith("✗")] == [f"✗ {it}" for it in faults]
    assert json.loads(found.stdout)["faults"] == [*faults]
    assert "The file is of a ledger with another key" in other.stdout
    assert "This is no file of evidence of version 1" in unreadable.stdout


def test_the_command_line_checks_a_receipt_too(tmp_path: Path) -> None:
    proof = recorded(honest().messages).messages[1].proof
    key = str(LEDGER.verifier)

    holds = verified(tmp_path, proof, "--key", key, "--json")
    other = verified(tmp_path, proof, "--key", str(OTHER.verifier), "--json")
    neither = verified(tmp_path, "{}", "--key", key)

    assert (holds.returncode, json.loads(holds.stdout)["holds"], json.loads(holds.stdout)["leaf"]) == (0, True, 1)
    assert (other.returncode, json.loads(other.stdout)["holds"]) == (1, False)
    assert (neither.returncode, "proves nothing" in neither.stdout) == (1, True)


@pytest.mark.parametrize("option", [("--known", "decision.json"), ("--temporal",), ("--database", "sqlite:///x")])
def test_a_file_is_compared_with_nothing_else(tmp_path: Path, option: tuple[str, ...]) -> None:
    done = verified(tmp_path, recorded(honest().messages).model_dump_json(), *option)

    assert (done.returncode, "only --key and --json" in done.stderr) == (2, True)

"""The digest of a request is about all that it shows, and a program that knows only the recipe computes it too."""

import hashlib
import json
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from perdure.approvers import DigestMismatch, check_digest
from perdure.contracts import ApprovalRequested, Escalation, Policy, content_digest, request_digest

VECTOR: Final = Path(__file__).parents[3] / "docs" / "request-digest.json"
NODE: Final = shutil.which("node") or "node"
NOW: Final = datetime(2026, 11, 29, 12, tzinfo=UTC)


def request(**fields: Any) -> ApprovalRequested:
    whole = {
        "workflow": "Refund",
        "workflow_id": "Refund-42",
        "run_id": "r1",
        "request_id": "Refund-42.1",
        "title": "Refund 300 euro?",
        "details": {"order": 42},
        "action": {"amount": 300},
        "policy": Policy(roles=("finance",), escalate=(Escalation(after=timedelta(hours=4), roles=("cfo",)),)),
        "digest": "0" * 64,
        "digest_version": 2,
        "opened_at": NOW,
        "expires_at": NOW + timedelta(days=1),
        "first_run_id": "r1",
    }
    return ApprovalRequested.model_validate({**whole, **fields})


def test_the_published_vector_is_computed_by_this_code() -> None:
    vector = json.loads(VECTOR.read_text())
    published = ApprovalRequested.model_validate(vector["request"])

    assert request_digest(published) == vector["digest"] == published.digest
    assert hashlib.sha256(vector["canonical"].encode()).hexdigest() == vector["digest"]
    check_digest(published)


def test_javascript_computes_the_vector_from_the_request_alone() -> None:
    program = """
      const {createHash} = require("node:crypto");
      const pair = (it) => (key) => `${JSON.stringify(key)}:${canonical(it[key])}`;
      const canonical = (it) => Array.isArray(it) ? `[${it.map(canonical)}]` : it && typeof it === "object"
        ? `{${Object.keys(it).sort().map(pair(it))}}` : JSON.stringify(it);
      const vector = JSON.parse(require("node:fs").readFileSync(process.argv[1]));
      const shown = Object.fromEntries(vector.covered.map((name) => [name, vector.request[name] ?? null]));
      console.log(createHash("sha256").update(canonical(shown)).digest("hex"));
    """
    printed = subprocess.check_output([NODE, "-e", program, str(VECTOR)], text=True)

    assert printed.strip() == json.loads(VECTOR.read_text())["digest"]


@pytest.mark.parametrize(
    "change",
    [
        {"title": "Refund 3 euro?"},
        {"details": {"order": 43}},
        {"action": {"amount": 301}},
        {"severity": "low"},
        {"policy": Policy()},
        {"policy": Policy(roles=("finance",), escalate=(Escalation(after=timedelta(hours=4), roles=("intern",)),))},
        {"requester": "bob"},
        {"on_behalf_of": "bob"},
        {"workflow": "Payment"},
        {"workflow_id": "Refund-43"},
        {"run_id": "r2"},
        {"request_id": "Refund-42.2"},
    ],
)
def test_no_part_of_what_is_shown_can_be_changed_under_the_digest(change: dict[str, Any]) -> None:
    opened = request()
    signed = opened.model_copy(update={"digest": request_digest(opened)})
    check_digest(signed)

    with pytest.raises(DigestMismatch, match=r"shows something else than its digest is about: nothing is signed"):
        check_digest(signed.model_copy(update=change))


def test_a_request_reads_back_from_the_bus_with_the_same_digest() -> None:
    opened = request(details={"numbers": [1.0, 1e30, 5e-7, -0.0], "𝄞": "beyond", "\ufb33": "the plane", "é": None})

    read = ApprovalRequested.model_validate_json(opened.model_dump_json())

    assert request_digest(read) == request_digest(opened)


def test_a_new_request_cannot_pass_for_an_old_one_whose_digest_covers_less() -> None:
    opened = request()
    signed = opened.model_copy(update={"digest": request_digest(opened), "digest_version": 1})

    with pytest.raises(DigestMismatch):
        check_digest(signed)


def test_an_old_request_is_checked_by_its_own_recipe() -> None:
    old = request(digest_version=1, digest=content_digest("Refund 300 euro?", {"order": 42}, {"amount": 300}))
    check_digest(old)

    with pytest.raises(DigestMismatch):
        check_digest(old.model_copy(update={"details": {"order": 43}}))


@pytest.mark.parametrize("changes", [{"digest_version": 3}, {"details": 2**53}, {"details": float("inf")}])
def test_what_cannot_be_computed_is_not_signed(changes: dict[str, Any]) -> None:
    with pytest.raises(DigestMismatch, match="cannot be computed"):
        check_digest(request(**changes))

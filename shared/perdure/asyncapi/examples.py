"""One example of each body. The decision is signed, so that programs in any language can check theirs against it."""

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Final

import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from perdure.approvers import SigningKey, sign
from perdure.approvers.offered_key import offer_key
from perdure.approvers.signature import canonical
from perdure.contracts import (
    Alert,
    ApprovalDecided,
    ApprovalEscalated,
    ApprovalExpired,
    ApprovalReminded,
    ApprovalRequested,
    ApproverChanged,
    ApproversFileRead,
    BackfillRan,
    CancelWorkflow,
    CheckpointSigned,
    DeadLetter,
    DeadLetterSettled,
    Decision,
    Erasure,
    EventReference,
    EventVerdict,
    Message,
    Notification,
    PauseChanged,
    PoliciesRead,
    Policy,
    Progress,
    Receipt,
    RouteVerdict,
    RunActed,
    ScheduleChanged,
    SignalWorkflow,
    StartWorkflow,
    ValuesDecrypted,
    VersionChanged,
    request_digest,
)
from perdure.contracts.request_digest import COVERED, DIGEST_VERSION
from perdure.ledger import Checkpoint, Signer, sign_checkpoint
from perdure.values.run_id import default_run_id

__all__ = ["EXAMPLES", "SIGNED_EXAMPLE"]

_SEED: Final = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"
"""The secret key of the first test vector of RFC 8032, section 7.1: everybody has it, so it is nobody's."""

_KEY: Final = SigningKey(Ed25519PrivateKey.from_private_bytes(bytes.fromhex(_SEED)))
_AT: Final = datetime(2026, 12, 1, 12, tzinfo=UTC)
_SOURCE: Final = "https://shop.example"
_WORKFLOW_ID: Final = default_run_id("payments", "42", _SOURCE)
_RUN: Final[dict[str, Any]] = {
    "workflow": "Payment",
    "workflow_id": _WORKFLOW_ID,
    "run_id": "01939f5e-7c1b-7d3e-9b0a-4f1c2d3e4a5b",
}
_ABOUT: Final[dict[str, Any]] = {**_RUN, "request_id": f"{_WORKFLOW_ID}.1"}
_SHOWN: Final[dict[str, Any]] = {"title": "Pay 1,200 EUR to Ümit?", "details": "Invoice 7", "action": {"amount": 1200}}
_ROOT: Final = sha256(b"\0{}").digest()
_FILE: Final = sha256(b"approvers: {}\n").hexdigest()
_EVENT: Final = EventReference(id="42", type="invoices.received", source=_SOURCE, time=_AT, stream_sequence=7)

_unsealed: Final = ApprovalRequested(
    **_ABOUT,
    **_SHOWN,
    severity="high",
    policy=Policy(roles=("finance",), timeout=timedelta(days=2)),
    digest="0" * 64,
    digest_version=DIGEST_VERSION,
    opened_at=_AT,
    expires_at=_AT + timedelta(days=2),
    first_run_id=_RUN["run_id"],
)
_request: Final = _unsealed.model_copy(update={"digest": request_digest(_unsealed)})
_decision: Final = sign(
    Decision(
        workflow_id=_request.workflow_id,
        request_id=_request.request_id,
        decision="approve",
        approver="ada",
        comment="Fine.",
        digest=_request.digest,
        first_run_id=_request.first_run_id,
        nonce="6f1c0a9be2d47c55",
    ),
    _KEY,
)
_ID: Final = _decision.message_id
_messages: Final[tuple[Message, ...]] = (
    _request,
    _decision,
    ApprovalReminded(**_ABOUT, count=1),
    ApprovalEscalated(**_ABOUT, to=("board",), count=1),
    ApprovalDecided(**_ABOUT, decision="approve", decision_id=_ID, approver="ada", comment="Fine.", decided_at=_AT),
    ApprovalExpired(**_ABOUT, expired_at=_AT),
    Receipt(request_id=_request.request_id, decision_id=_ID, accepted=True, code="accepted", reason="it counts"),
    Progress(**_RUN, sequence=1, kind="started", event_id=_EVENT.id, at=_AT),
    Alert(**_RUN, number=1, title="The bank is slow", raised_at=_AT),
    StartWorkflow(
        route="payments",
        event=_EVENT,
        workflow="Payment",
        workflow_id=_WORKFLOW_ID,
        digest=sha256(b'{"amount":1200}').hexdigest(),
        input={"amount": 1200},
    ),
    SignalWorkflow(
        route="receipts",
        event=_EVENT,
        workflow_id=_WORKFLOW_ID,
        digest=sha256(b'{"receipt":"r-1"}').hexdigest(),
        signal="paid",
        argument={"receipt": "r-1"},
    ),
    CancelWorkflow(
        workflow="Payment",
        workflow_id=_WORKFLOW_ID,
        instead=default_run_id("payments", "43", _SOURCE),
    ),
    Notification(
        channel="desk",
        about=_request.message_id,
        workflow_id=_WORKFLOW_ID,
        outcome="sent",
        detail="posted",
        sent_at=_AT,
    ),
    ApproversFileRead(digest=_FILE, modified_at=_AT, approvers=("ada",), at=_AT),
    PauseChanged(what="suite", act="paused", reason="The bank reports double payments", by="ada", at=_AT),
    RunActed(
        act="retried",
        id="20261201T120000Z-4fa1",
        workflow_id=_WORKFLOW_ID,
        run_id=_RUN["run_id"],
        became="01939f60-0a4e-7c11-8d7e-3c2b1a0f9e8d",
        reason="The key of the bank is renewed",
        by="ada",
        at=_AT,
    ),
    PoliciesRead(digest=sha256(b"{}").hexdigest(), at=_AT),
    offer_key(_KEY, "ada", _AT),
    ApproverChanged(act="key_added", approver="ada", key_id=_KEY.key_id, digest=_FILE, by="ada", at=_AT),
    EventVerdict(
        event_id="42",
        event_type="invoices.received",
        source="https://shop.example",
        stream_sequence=7,
        rules=sha256(b"[]").hexdigest(),
        routes=(
            RouteVerdict(route="Payment", verdict="started", detail="starts Payment", workflow_id="Payment-42"),
            RouteVerdict(route="Refund", verdict="no_match", detail="data.amount < 0 is false: data.amount is 1200"),
        ),
    ),
    BackfillRan(
        act="ended",
        backfill="20261128T101500Z-4fa1",
        route="Payment",
        rules=sha256(b"[]").hexdigest(),
        since=_AT,
        until=_AT,
        rate=10,
        counts={"taken": 3, "no_match": 1},
        by="ada",
        at=_AT,
    ),
    CheckpointSigned(
        ledger="perdure",
        size=1,
        root=_ROOT.hex(),
        note=sign_checkpoint(
            Checkpoint("perdure", 1, _ROOT),
            Signer("perdure", Ed25519PrivateKey.from_private_bytes(bytes.fromhex(_SEED))),
        ),
    ),
    VersionChanged(
        act="promoted", deployment="perdure", build="4fa1c09b77d2", before="b1c2d3e4f5a6", stays=3, by="ada", at=_AT
    ),
    ScheduleChanged(act="removed", route="Report", rules=sha256(b"[]").hexdigest(), by="perdure/orchestrator", at=_AT),
    ValuesDecrypted(
        namespace="default", workflow_id="Report~42~1f9ab04c", values=3, by="ada", request="4fa1c09b77d2", at=_AT
    ),
    Erasure(
        act="ordered", id="20261128T101500Z-1f9a", leaves=(12,), places=("EVENTS.7.0",), by="ada", why="asked", at=_AT
    ),
    DeadLetterSettled(
        act="resent",
        number=3,
        service="ingest",
        reason="no_route",
        original_subject="events.invoices.received",
        stream="EVENTS",
        stream_sequence=7,
        by="ada",
        at=_AT,
    ),
    DeadLetter(
        service="ingest",
        reason="no_route",
        detail="No route takes events of this type.",
        original_subject="events.invoices.received",
        stream="EVENTS",
        stream_sequence=7,
        body=b"{}",
        at=_AT,
    ),
)

EXAMPLES: Final[dict[str, Any]] = {
    **{message.type: message.model_dump(mode="json") for message in _messages},
    "events": {"amount": 1200},
    "signals": {"receipt": "r-1"},
    "queries.events.outcome": {"id": "42"},
    "queries.events.outcome.reply": {
        "id": "42",
        "state": "completed",
        "stream_sequence": 7,
        "runs": [
            {
                "workflow_id": _WORKFLOW_ID,
                "workflow": "Payment",
                "action": "started",
                "kind": "completed",
            }
        ],
    },
}
"""An example of each body, by message type."""

SIGNED_EXAMPLE: Final[dict[str, Any]] = {
    "description": "How the example of `decisions` is made, to test programs that make their own. "
    "The key is the first test vector of RFC 8032, section 7.1: never use it.",
    "private_key_hex": _SEED,
    "public_key_base64": _KEY.public,
    "key_id": _KEY.key_id,
    "request": _request.model_dump(mode="json"),
    "digested": rfc8785.dumps({name: _request.model_dump(mode="json")[name] for name in COVERED}).decode(),
    "digest": _request.digest,
    "signed": canonical(_decision.model_dump(mode="json")).decode(),
    "signature": _decision.signature,
    "decision": _decision.model_dump(mode="json"),
}
"""Each step from a request to its signed decision."""

"""Decisions from the bus are parsed, or refused with a receipt."""

import json
from datetime import UTC, datetime

import pytest

from perdure.bus import StoredMessage
from perdure.bus.envelope import RawMessage
from perdure.errors import InvalidMessage
from perdure_orchestrator.parsing import read_decision, unreadable


def decision(**fields: str) -> StoredMessage:
    body = {"request_id": "w.1", "decision": "approve", "approver": "ada", "digest": "a" * 64, "nonce": "n", **fields}
    raw = RawMessage("decisions.w", json.dumps(body).encode(), {})
    return StoredMessage(raw, stream="DECISIONS", sequence=7, stored_at=datetime.now(UTC), pending=0)


def test_a_comment_has_a_length_limit() -> None:
    assert read_decision(decision(comment="c" * 16_384))[0].comment

    with pytest.raises(InvalidMessage, match="comment: String should have at most 16384 characters") as caught:
        read_decision(decision(comment="c" * 16_385))

    receipt = unreadable(decision(), caught.value)
    assert receipt is not None
    assert (receipt.code, receipt.request_id, receipt.accepted) == ("unreadable", "w.1", False)

"""The verifier finds decisions without a receipt, and those whose receipts differ."""

import pytest

from perdure.verify.receipts import wrong_receipts
from perdure.verify.records import DecisionRecord, Observations, ReceiptRecord

DECISION = DecisionRecord(7, "r.ada.n")
ACCEPTED = ReceiptRecord("r.ada.n", None, "accepted", is_final=True)
WAITING = ReceiptRecord("r.ada.n", "DECISIONS.7", "waiting", is_final=False)


def wrong(*receipts: ReceiptRecord, ended: bool = True) -> list[str]:
    seen = Observations(decisions=[DECISION], receipts=receipts)
    return [detail for _, detail in wrong_receipts(seen, ended=ended)]


@pytest.mark.parametrize("receipts", [(ACCEPTED,), (ACCEPTED, ACCEPTED), (WAITING, ACCEPTED)])
def test_one_receipt_is_valid_also_if_it_is_stored_twice(receipts: tuple[ReceiptRecord, ...]) -> None:
    assert wrong(*receipts) == []


def test_a_decision_without_a_receipt_is_found() -> None:
    assert wrong() == ["decision r.ada.n has no receipt"]
    assert wrong(ReceiptRecord("r.ada.n", "DECISIONS.6", "forged", is_final=True)) == wrong()


def test_a_decision_that_waits_is_open_until_all_must_have_ended() -> None:
    assert wrong(WAITING, ended=False) == []
    assert wrong(WAITING) == ["decision r.ada.n has no final receipt"]


def test_two_receipts_that_differ_are_found() -> None:
    late = ReceiptRecord("r.ada.n", "DECISIONS.7", "already_decided", is_final=True)

    assert wrong(ACCEPTED, late) == ["decision r.ada.n has 2 receipts: accepted, already_decided"]

"""The verifier finds decisions without a receipt, and those whose receipts differ."""

import pytest

from perdure.verify.receipts import wrong_receipts
from perdure.verify.records import DeadLetterRecord, DecisionRecord, Observations, ReceiptRecord

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


def test_a_decision_that_is_a_dead_letter_needs_no_receipt() -> None:
    dead_letter = DeadLetterRecord(1, "bad_envelope", "DECISIONS", 7, None)
    other = DeadLetterRecord(1, "bad_envelope", "SIGNALS", 7, None)

    seen = Observations(decisions=[DECISION], dead_letters=[dead_letter])
    assert list(wrong_receipts(seen, ended=True)) == []
    assert len([*wrong_receipts(Observations(decisions=[DECISION], dead_letters=[other]), ended=True)]) == 1


def test_a_decision_that_was_sent_again_has_the_receipt_of_its_repetition_too() -> None:
    assert wrong(ACCEPTED, ReceiptRecord("r.ada.n", "DECISIONS.7", "replayed", is_final=True)) == []

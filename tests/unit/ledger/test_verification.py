"""What somebody who owns the database can do to it, and how each shows: by the index where it was done."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from perdure.ledger import (
    GAP,
    KEY,
    Checkpoint,
    Discrepancy,
    GrowingTree,
    Kept,
    KeyChain,
    Signer,
    Verification,
    Witnessed,
    change_statement,
    gap_body,
    key_body,
    key_entry,
    leaf_hash,
    record_entry,
    sign_checkpoint,
)
from perdure.ledger.coverage import Coverage

BEGAN = datetime(2026, 11, 30, tzinfo=UTC)


@dataclass
class Ledger:
    """Entries with their messages, and the checkpoints that others have seen."""

    leaves: list[tuple[bytes, Kept | None]]
    heads: list[Witnessed]

    def verify(self) -> list[Discrepancy]:
        verification = Verification(self.heads)
        for index, leaf in enumerate(self.leaves):
            if leaf is not DELETED:
                verification.take(index, *leaf)
        return verification.faults()

    def root(self, size: int) -> bytes:
        tree = GrowingTree()
        tree.append(leaf_hash(entry) for entry, _ in self.leaves[:size])
        return tree.root()


DELETED: tuple[bytes, Kept | None] = (b"", None)


def message(number: int, body: bytes = b"{}") -> Kept:
    stored_at = BEGAN + timedelta(seconds=number)
    return Kept(
        "EVENTS", number + 1, stored_at, "events.a", {"ce-id": str(number), "x": "y"}, body, bytes([number] * 32)
    )


def ledger(size: int = 30, *heads: int) -> Ledger:
    made = Ledger([(record_entry(message(number)), message(number)) for number in range(size)], [])
    made.heads = [Witnessed(Checkpoint("l", at, made.root(at)), f"witness {at}") for at in heads or (10, 20, 30)]
    return made


def test_an_honest_ledger_has_no_fault() -> None:
    assert ledger().verify() == []


def change_a_body(it: Ledger) -> None:
    it.leaves[12] = (it.leaves[12][0], message(12, b"other"))


def delete_a_row(it: Ledger) -> None:
    it.leaves[12] = (it.leaves[12][0], None)


def delete_a_leaf(it: Ledger) -> None:
    it.leaves[12] = DELETED


def swap_two_rows(it: Ledger) -> None:
    (first, one), (second, other) = it.leaves[12], it.leaves[15]
    it.leaves[12], it.leaves[15] = (first, other), (second, one)


def swap_two_leaves(it: Ledger) -> None:
    it.leaves[12], it.leaves[15] = it.leaves[15], it.leaves[12]


def rewrite_a_leaf(it: Ledger) -> None:
    other = message(12, b"other")
    it.leaves[12] = (record_entry(other), other)


def cut_the_end(it: Ledger) -> None:
    del it.leaves[22:]


def rewrite_everything_and_sign_it_again(it: Ledger) -> None:
    seen = it.heads[1]
    for number in range(5, 30):
        other = message(number, b"other")
        it.leaves[number] = (record_entry(other), other)
    it.heads = [seen, Witnessed(Checkpoint("l", 30, it.root(30)), "the database")]


def show_two_clients_two_histories(it: Ledger) -> None:
    fork = ledger()
    rewrite_a_leaf(fork)
    it.heads.append(Witnessed(Checkpoint("l", 20, fork.root(20)), "another client"))


def go_on_unsigned(it: Ledger) -> None:
    del it.heads[2]


def replace_an_erased_record(it: Ledger) -> None:
    it.leaves[12] = (it.leaves[12][0], replace(message(13), body=None))


def record_one_twice(it: Ledger) -> None:
    it.leaves.append(it.leaves[12])


def write_what_is_no_entry(it: Ledger) -> None:
    it.leaves[12] = (b"[" * 100_000, None)


@pytest.mark.parametrize(
    ("manipulate", "verdict", "leaf", "text"),
    [
        (change_a_body, "integrity", 12, "The record of EVENTS:13, leaf 12, was changed."),
        (delete_a_row, "integrity", 12, "The record of EVENTS:13, leaf 12, was deleted."),
        (delete_a_leaf, "integrity", 12, "Leaf 12 was deleted."),
        (swap_two_rows, "integrity", 12, "The record of EVENTS:13, leaf 12, was changed."),
        (swap_two_rows, "integrity", 15, "The record of EVENTS:16, leaf 15, was changed."),
        (swap_two_leaves, "integrity", 10, "leaf 10 to leaf 19 is not what the checkpoint of witness 20 vouches for"),
        (rewrite_a_leaf, "integrity", 10, "leaf 10 to leaf 19 is not what the checkpoint of witness 20 vouches for"),
        (cut_the_end, "freshness", 22, "witness 30 has a checkpoint over 30 leaves, and only 22 are here: the end"),
        (
            rewrite_everything_and_sign_it_again,
            "integrity",
            0,
            "leaf 0 to leaf 19 is not what the checkpoint of witness 20",
        ),
        (show_two_clients_two_histories, "integrity", 20, "the checkpoint of another client"),
        (go_on_unsigned, "freshness", 20, "No checkpoint vouches for leaf 20 and those after it."),
        (replace_an_erased_record, "integrity", 12, "is another message's"),
        (record_one_twice, "integrity", 30, "Leaf 30 is a second one for EVENTS:13."),
        (write_what_is_no_entry, "integrity", 12, "Leaf 12 is no entry of version 1."),
    ],
)
def test_each_manipulation_shows(manipulate: Callable[[Ledger], None], verdict: str, leaf: int, text: str) -> None:
    it = ledger()
    manipulate(it)

    faults = it.verify()

    assert any(fault.verdict == verdict and fault.leaf == leaf and text in fault.text for fault in faults), faults


def with_order(*leaves: int, act: str = "ordered") -> Ledger:
    """Return a ledger whose leaf 12 was erased, and whose last one orders an erasure."""
    made = ledger()
    made.leaves[12] = (made.leaves[12][0], replace(message(12), body=None, headers={}, salt=b""))
    body = json.dumps({"type": "admin.erasure", "act": act, "leaves": leaves}).encode()
    order = replace(message(0, body), stream="ADMIN", sequence=1, subject="admin.erasure.e")
    made.leaves.append((record_entry(order), order))
    made.heads.append(Witnessed(Checkpoint("l", 31, made.root(31)), "us"))
    return made


def test_an_erased_record_is_no_fault_if_admin_orders_it() -> None:
    assert with_order(3, 12).verify() == []


@pytest.mark.parametrize("it", [with_order(3, 13), with_order(), with_order(12, act="done")])
def test_content_that_is_gone_without_an_order_is_a_fault_at_its_leaf(it: Ledger) -> None:
    (fault,) = it.verify()

    assert (fault.verdict, fault.leaf) == ("integrity", 12)
    assert fault.text == "The content of EVENTS:13, leaf 12, was erased, and no order on ADMIN names it."


def test_each_leaf_after_a_deleted_one_is_no_fault_of_its_own() -> None:
    it = ledger()
    it.leaves[12] = it.leaves[13] = it.leaves[20] = DELETED

    faults = [fault.text for fault in it.verify() if fault.verdict == "integrity" and "deleted" in fault.text]

    assert faults == ["Leaves 12 to 13 were deleted.", "Leaf 20 was deleted."]


def with_gap(first: int, last: int) -> Ledger:
    """Return a ledger whose leaf 6 is that of a declared gap."""
    made = Ledger([(record_entry(kept), kept) for kept in map(message, (0, 1, 4, 5, 9, 8))], [])
    gap = Kept("EVENTS", first, BEGAN, GAP, {}, gap_body("EVENTS", first, last), b"")
    made.leaves.append((record_entry(gap), gap))
    made.heads = [Witnessed(Checkpoint("l", 7, made.root(7)), "us")]
    return made


@pytest.mark.parametrize(
    "changed",
    [
        {"body": gap_body("EVENTS", 3, 8)},
        {"body": b'{"stream": "EVENTS", "first": 3, "last": "8"}'},
        {"body": b"[" * 100_000},
        {"subject": "events.a"},
        {"stored_at": BEGAN + timedelta(seconds=1)},
    ],
)
def test_a_changed_declaration_of_a_gap_shows(changed: dict[str, Any]) -> None:
    it = with_gap(3, 4)
    gap, kept = it.leaves[6]
    assert kept is not None
    it.leaves[6] = (gap, replace(kept, **changed))

    faults = [(fault.leaf, fault.text) for fault in it.verify() if fault.verdict == "integrity"]

    assert faults == [(6, "The record of the gap EVENTS:3 to EVENTS:4, leaf 6, was changed.")]


def test_a_deleted_declaration_of_a_gap_shows() -> None:
    it = with_gap(3, 4)
    it.leaves[6] = (it.leaves[6][0], None)

    assert "The record of the gap EVENTS:3 to EVENTS:4, leaf 6, was deleted." in [it.text for it in it.verify()]


def test_a_new_key_is_a_leaf_of_no_message() -> None:
    it = ledger(9, 9)
    key = Kept("LEDGER", 1, BEGAN, KEY, {}, key_body("l+1+x", "statement"), b"")
    it.leaves.append((record_entry(key), key))
    it.heads.append(Witnessed(Checkpoint("l", 10, it.root(10)), "us"))

    assert record_entry(key) == key_entry(verifier="l+1+x", statement="statement")
    assert it.verify() == []


FIRST, SECOND = (Signer("l", Ed25519PrivateKey.from_private_bytes(bytes([number] * 32))) for number in range(2))


@pytest.mark.parametrize("pinned", [FIRST, SECOND])
@pytest.mark.parametrize(
    ("signers", "refused"),
    [
        ((FIRST, FIRST, SECOND), ()),
        ((FIRST, SECOND, SECOND), (12,)),  # the new key before the leaf that brings it
        ((FIRST, FIRST, FIRST), (13,)),  # the old one after it
    ],
)
def test_a_checkpoint_counts_by_the_key_of_its_time(
    pinned: Signer, signers: tuple[Signer, ...], refused: tuple[int, ...]
) -> None:
    it = ledger(12)
    statement = change_statement(FIRST, SECOND)
    key = Kept("LEDGER", 1, BEGAN, KEY, {}, key_body(str(SECOND.verifier), statement), b"")
    it.leaves.append((record_entry(key), key))
    heads = [Checkpoint("l", size, it.root(size)) for size in (6, 12, 13)]
    notes = [sign_checkpoint(head, signer) for head, signer in zip(heads, signers, strict=True)]
    verification = Verification(
        [Witnessed(head, "us", note) for head, note in zip(heads, notes, strict=True)], KeyChain(pinned.verifier)
    )
    for index, leaf in enumerate(it.leaves):
        verification.take(index, *leaf)

    faults = [fault.text for fault in verification.faults()]

    assert [text for text in faults if "does not count" in text] == [
        f"A checkpoint of us over {size} leaves does not count: The checkpoint over {size} leaves is not signed by the "
        f"key of that time, {(FIRST if size < 13 else SECOND).verifier}."
        for size in refused
    ]
    assert ("No checkpoint vouches for leaf 12 and those after it." in faults) == (refused == (13,))


def test_a_signature_of_a_key_that_is_not_trusted_counts_for_nothing() -> None:
    it = ledger(3)
    head = Checkpoint("l", 3, it.root(3))
    verification = Verification([Witnessed(head, "us", sign_checkpoint(head, SECOND))], KeyChain(FIRST.verifier))
    for index, leaf in enumerate(it.leaves):
        verification.take(index, *leaf)

    assert [fault.verdict for fault in verification.faults()] == ["freshness", "integrity"]


def test_a_message_without_leaf_shows_and_a_declared_gap_does_not() -> None:
    it = with_gap(3, 4)

    assert [(fault.verdict, fault.text) for fault in it.verify()] == [
        ("completeness", "EVENTS:7 to EVENTS:8 have no leaf, and no gap is declared there.")
    ]


@given(st.lists(st.permutations(range(1, 12)), min_size=1, max_size=3), st.sets(st.integers(2, 10), max_size=4))
def test_coverage_finds_exactly_what_is_missing_in_each_life_of_a_stream(
    lives: list[list[int]], missing: set[int]
) -> None:
    coverage = Coverage()
    for number, life in enumerate(lives):
        for sequence in life:
            if sequence not in missing:
                assert coverage.add("S", sequence, number * 1000 + sequence)

    found = [fault.text for fault in coverage.faults()]

    expected = sum(1 for number in missing if number - 1 not in missing)  # neighbours are one range
    assert len(found) == expected * len(lives)
    assert coverage.streams()["S"][1] == 11

"""A ledger changes its key by a leaf that both keys sign, and each checkpoint counts by the key of its size alone."""

import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from perdure.ledger import BadNote, Checkpoint, KeyChain, Signer, change_statement, key_entry, sign_checkpoint
from perdure.ledger.note import sign_note

FIRST, SECOND, THIRD, FOREIGN = (
    Signer("l", Ed25519PrivateKey.from_private_bytes(bytes([number] * 32))) for number in range(4)
)


def change(old: Signer, new: Signer) -> bytes:
    return key_entry(verifier=str(new.verifier), statement=change_statement(old, new))


def chain(pinned: Signer) -> KeyChain:
    """Return the chain of a ledger whose leaves 5 and 9 change its key."""
    made = KeyChain(pinned.verifier)
    for leaf, entry in enumerate([b'{"body_digest":"0"}'] * 5 + [change(FIRST, SECOND)]):
        assert made.add(leaf, entry) == (leaf == 5)
    made.add(9, change(SECOND, THIRD))
    return made


@pytest.mark.parametrize("pinned", [FIRST, SECOND, THIRD])
def test_each_key_is_valid_until_the_leaf_that_replaces_it(pinned: Signer) -> None:
    found = [chain(pinned).valid_at(size) for size in (0, 5, 6, 9, 10)]

    assert found == [it.verifier for it in (FIRST, FIRST, SECOND, SECOND, THIRD)]


@pytest.mark.parametrize(
    ("signer", "size", "counts"),
    [(FIRST, 5, True), (FIRST, 6, False), (SECOND, 5, False), (SECOND, 6, True), (FIRST, 30, False), (THIRD, 10, True)],
)
def test_a_checkpoint_counts_by_the_key_of_its_size_alone(signer: Signer, size: int, counts: bool) -> None:
    head = Checkpoint("l", size, bytes(32))
    note = sign_checkpoint(head, signer)

    if counts:
        assert chain(FIRST).open(note) == head
    else:
        with pytest.raises(BadNote, match=f"over {size} leaves is not signed by the key of that time"):
            chain(FIRST).open(note)


def test_a_key_that_is_not_in_the_chain_vouches_for_nothing() -> None:
    with pytest.raises(BadNote, match="none of this ledger's"):
        chain(FOREIGN).valid_at(3)


def signed_by_one(*signers: Signer) -> bytes:
    statement = change_statement(FIRST, SECOND)
    text = statement.split("\n\n")[0] + "\n"
    return key_entry(verifier=str(SECOND.verifier), statement=sign_note(text, *signers))


def other_order() -> bytes:
    content = json.loads(change(FIRST, SECOND))
    return json.dumps(content).encode()


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        (signed_by_one(FIRST), "not both keys"),
        (signed_by_one(SECOND), "not both keys"),
        (signed_by_one(FOREIGN), "None of the known keys"),
        (other_order(), "not in its canonical form"),
        (key_entry(verifier=str(THIRD.verifier), statement=change_statement(FIRST, SECOND)), "no statement"),
        (key_entry(verifier="x", statement="y"), "no statement"),
    ],
)
def test_a_change_that_not_both_keys_signed_is_refused(entry: bytes, why: str) -> None:
    with pytest.raises(BadNote, match=why):
        KeyChain(FIRST.verifier).add(3, entry)


@pytest.mark.parametrize(
    ("entry", "why"), [(change(FIRST, FOREIGN), "not the one of its time"), (change(SECOND, FIRST), "goes back")]
)
def test_a_replaced_key_neither_changes_the_key_nor_comes_back(entry: bytes, why: str) -> None:
    made = KeyChain(FIRST.verifier)
    made.add(5, change(FIRST, SECOND))

    with pytest.raises(BadNote, match=why):
        made.add(6, entry)

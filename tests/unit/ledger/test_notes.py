"""Signed notes, checkpoints and proof files: what is accepted, and what somebody who changes them gets."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from perdure.ledger import (
    BadNote,
    BadProof,
    Checkpoint,
    GrowingTree,
    ProofFile,
    Signer,
    Verifier,
    inclusion_ranges,
    leaf_hash,
    open_checkpoint,
    range_hash,
    sign_checkpoint,
)
from perdure.ledger.note import open_note, sign_note

OURS = Signer("example.com/ledger", Ed25519PrivateKey.from_private_bytes(bytes(32)))
OTHER = Signer("example.com/ledger", Ed25519PrivateKey.from_private_bytes(bytes([1] * 32)))
HEAD = Checkpoint("example.com/ledger", 7, bytes(range(32)))


def test_the_example_of_the_specification_verifies() -> None:
    verifier = Verifier.parse("example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k")
    note = (
        "This is an example message.\n\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1E"
        "RYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
    )

    assert open_note(note, [verifier]) == ("This is an example message.\n", [verifier])
    assert str(verifier) == "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"


def test_a_checkpoint_comes_back_as_it_was_signed() -> None:
    note = sign_checkpoint(HEAD, OURS, OTHER)

    assert open_checkpoint(note, [OURS.verifier]) == (HEAD, [OURS.verifier])
    assert open_checkpoint(note.encode(), [OTHER.verifier, OURS.verifier]) == (HEAD, [OURS.verifier, OTHER.verifier])


@given(st.data())
def test_no_changed_character_of_a_checkpoint_goes_unnoticed(data: st.DataObject) -> None:
    note = sign_checkpoint(HEAD, OURS)
    at = data.draw(st.integers(0, len(note) - 1))
    character = data.draw(st.characters(codec="utf-8").filter(lambda one: one != note[at]))

    with pytest.raises(BadNote):
        open_checkpoint(note[:at] + character + note[at + 1 :], [OURS.verifier])


@given(st.one_of(st.text(), st.binary()))
def test_any_other_text_is_refused(text: str | bytes) -> None:
    with pytest.raises(BadNote):
        open_checkpoint(text, [OURS.verifier])
    with pytest.raises(BadNote):
        Verifier.parse(text if isinstance(text, str) else "x")


@pytest.mark.parametrize(
    "text",
    [
        "origin\n07\n" + HEAD.text.split("\n")[2] + "\n",
        "origin\n-1\n" + HEAD.text.split("\n")[2] + "\n",
        "origin\n7\nAAAA\n",
        "origin\n7\n",
        "\n7\n" + HEAD.text.split("\n")[2] + "\n",
    ],
)
def test_a_signed_text_that_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(BadNote):
        open_checkpoint(sign_note(text, OURS), [OURS.verifier])


def test_who_signed_is_named_where_nobody_known_did() -> None:
    with pytest.raises(BadNote, match=r"None of the known keys signed it; it names example\.com/ledger"):
        open_checkpoint(sign_checkpoint(HEAD, OTHER), [OURS.verifier])


def proof_of(entry: bytes) -> ProofFile:
    tree = GrowingTree()
    entries = [str(number).encode() for number in range(500)] + [entry]
    tiles = tree.append(leaf_hash(one) for one in entries)
    path = tuple(range_hash(start, end, tiles) for start, end in inclusion_ranges(500, 501))
    head = Checkpoint("example.com/ledger", tree.size, tree.root())
    return ProofFile(500, path, sign_checkpoint(head, OURS), entry)


def test_a_proof_file_proves_its_entry_and_no_other() -> None:
    written = str(proof_of(b"approved"))
    proof = ProofFile.parse(written)

    assert proof.verified([OURS.verifier]).size == proof.verified([OURS.verifier], b"approved").size == 501
    with pytest.raises(BadProof, match="The entry is not leaf 500 of the 501"):
        proof.verified([OURS.verifier], b"rejected")
    with pytest.raises(BadProof, match="The checkpoint does not hold"):
        proof.verified([OTHER.verifier])


@given(st.data())
def test_no_changed_character_of_a_proof_file_goes_unnoticed(data: st.DataObject) -> None:
    written = str(proof_of(b"approved"))
    at = data.draw(st.integers(0, len(written) - 1))
    character = data.draw(st.characters(codec="utf-8").filter(lambda one: one != written[at]))

    with pytest.raises(BadProof):
        ProofFile.parse(written[:at] + character + written[at + 1 :]).verified([OURS.verifier])

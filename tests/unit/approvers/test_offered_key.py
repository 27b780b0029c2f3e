"""Keys that are offered from a browser: only whoever holds one can offer it, and only the file's owner accepts it."""

from base64 import b64encode
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from perdure.approvers import ApproversFile, SigningKey
from perdure.approvers.offered_key import accept_key, offer_key, proven
from perdure.approvers.signature import canonical
from perdure.contracts import KeyOffered
from perdure.errors import Conflict, NotFound, WrongArgument
from tests.support.people import approvers_file, directory

KEY = SigningKey.new()


@pytest.fixture
def file(tmp_path: Path) -> ApproversFile:
    return approvers_file(tmp_path / "approvers.yaml", directory({"ada": SigningKey.new()}))


def offered(name: str = "ada", *, by: SigningKey = KEY, **fields: Any) -> KeyOffered:
    proof = b64encode(by.sign(canonical(proven(name, KEY.public)))).decode()
    return offer_key(KEY, name, datetime.now(UTC)).model_copy(update={"proof": proof, **fields})


def test_an_accepted_key_counts_beside_the_earlier_one(file: ApproversFile) -> None:
    (earlier,) = file.current().approvers["ada"].keys

    accept_key(file, offered(), roles=["editor"])

    person = file.current().approvers["ada"]
    assert [key.key_id for key in person.keys] == [earlier.key_id, KEY.key_id]
    assert person.roles == ("editor",)


def test_somebody_new_is_added_with_a_role_only(file: ApproversFile) -> None:
    with pytest.raises(NotFound, match="does not know bob"):
        accept_key(file, offered("bob"))

    accept_key(file, offered("bob"), roles=["editor"])

    assert file.current().approvers["bob"].roles == ("editor",)


def test_a_key_is_accepted_once(file: ApproversFile) -> None:
    accept_key(file, offered())

    with pytest.raises(Conflict, match="has the key"):
        accept_key(file, offered("bob"), roles=["editor"])


@pytest.mark.parametrize(
    ("offer", "why"),
    [
        (offered(by=SigningKey.new()), "does not prove"),
        (offered(approver="bob"), "does not prove"),
        (offered(public=SigningKey.new().public), "has the id"),
        (offered(key_id="0" * 16), "has the id"),
        (offered(public="?"), "not base64"),
    ],
)
def test_what_its_holder_does_not_prove_is_refused(file: ApproversFile, offer: KeyOffered, why: str) -> None:
    with pytest.raises(WrongArgument, match=why):
        accept_key(file, offer, roles=["editor"])

    assert len(file.current().approvers["ada"].keys) == 1

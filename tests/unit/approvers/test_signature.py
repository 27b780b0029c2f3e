"""A signature covers all fields of a decision, whatever their order and script."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from pydantic import JsonValue

from perdure.approvers import PublicKey, SigningKey, canonical, key_id_of, sign, verifies
from perdure.approvers.enrolment import enrol, find_key
from perdure.approvers.file import ApproversFile
from perdure.errors import SetupError
from tests.support.people import signed

KEY = SigningKey.new()
BODY = signed(KEY, "ada", "run.1", "a" * 64, comment="Für mich: ja\n\u0001\x7f").model_dump(mode="json")


def public(key: SigningKey) -> bytes:
    return PublicKey(public=key.public).raw


def test_a_signature_verifies_whatever_the_order_of_the_fields() -> None:
    reordered = dict(reversed(json.loads(json.dumps(BODY)).items()))

    assert verifies(reordered, public(KEY))


@pytest.mark.parametrize("field", sorted(set(BODY) - {"signature"}))
def test_no_field_can_be_changed_removed_or_added(field: str) -> None:
    changed = BODY | {field: "other"}
    without = {name: value for name, value in BODY.items() if name != field}

    for body in (changed, without, BODY | {"more": 1}):
        assert not verifies(body, public(KEY))


@pytest.mark.parametrize("nonsense", [None, "", "not base64!", "AAAA", 7, "é"])
def test_an_invalid_signature_does_not_verify(nonsense: Any) -> None:
    assert not verifies(BODY | {"signature": nonsense}, public(KEY))


def test_a_body_without_a_canonical_form_does_not_verify() -> None:
    assert not verifies(BODY | {"more": 2**60}, public(KEY))


def test_the_canonical_form_is_that_of_rfc_8785() -> None:
    body: dict[str, JsonValue] = {"b": "\u20ac$\u000f\nA'\"\\/", "a": [1e30, 4.5, None, True], "signature": "left out"}

    assert canonical(body).decode() == '{"a":[1e+30,4.5,null,true],"b":"€$\\u000f\\nA\'\\"\\\\/"}'


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_openssl_makes_the_same_keys_and_signatures(tmp_path: Path) -> None:
    pem, data = tmp_path / "bob.pem", tmp_path / "data"
    openssl = shutil.which("openssl") or ""
    subprocess.run([openssl, "genpkey", "-algorithm", "ed25519", "-out", str(pem)], check=True)
    key = SigningKey.read(pem)
    data.write_bytes(canonical({"approver": "bob", "key_id": key.key_id}))
    command = [openssl, "pkeyutl", "-sign", "-rawin", "-inkey", str(pem), "-in", str(data)]
    signature = subprocess.run(command, check=True, capture_output=True).stdout

    assert signature == key.sign(data.read_bytes())
    assert key.key_id == key_id_of(public(key))


def test_only_its_owner_reads_a_key_file_and_a_rotated_key_stays_valid(tmp_path: Path) -> None:
    file, folder = ApproversFile(tmp_path / "approvers.yaml"), tmp_path / "keys"
    first, private = enrol(file, folder, "ada", roles=["editor"])
    second, _ = enrol(file, folder, "ada", roles=["chief"])

    ada = file.current().approvers["ada"]
    assert private.stat().st_mode & 0o777 == 0o600
    assert [key.key_id for key in ada.keys] == [first.key_id, second.key_id]
    assert ada.roles == ("editor", "chief")
    assert find_key(folder, None)[1].key_id == second.key_id
    assert SigningKey.read(folder / f"ada~{first.key_id}.pem").key_id == first.key_id


def test_without_a_key_or_with_several_the_error_names_the_command_or_option(tmp_path: Path) -> None:
    file, folder = ApproversFile(tmp_path / "approvers.yaml"), tmp_path / "keys"
    with pytest.raises(SetupError, match="perdure approvers add NAME"):
        find_key(folder, None)
    for name in ("ada", "bob"):
        enrol(file, folder, name)
    with pytest.raises(SetupError, match=r"keys of ada, bob: .* --as"):
        find_key(folder, None)
    with pytest.raises(SetupError, match="cannot be the name"):
        enrol(file, folder, "../mallory")


def test_signing_again_replaces_the_signature() -> None:
    other = SigningKey.new()
    again = sign(signed(KEY, "ada", "run.1", "a" * 64), other).model_dump(mode="json")

    assert verifies(again, public(other))
    assert not verifies(again, public(KEY))

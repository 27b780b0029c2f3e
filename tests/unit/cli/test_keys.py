"""Keys and delegation by the command line, on a file of its own."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from perdure.approvers import ApproversFile
from perdure.cli.app import app
from perdure.errors import PerdureError, SetupError


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PERDURE_APPROVALS__APPROVERS", "people.yaml")
    return tmp_path


def perdure(*arguments: str) -> str:
    said = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert said.exit_code == 0, said.output
    return said.output


def test_a_key_is_made_listed_and_revoked(folder: Path) -> None:
    perdure("keys", "new", "ada", "--role", "editor")
    perdure("keys", "new", "slack", "--proxy")
    ada, slack = map(json.loads, perdure("keys", "list", "--json").splitlines())
    assert (ada["owner"], ada["roles"], ada["proxy"], ada["revoked"]) == ("ada", ["editor"], False, None)
    assert (slack["owner"], slack["proxy"]) == ("slack", True)
    assert (folder / ".perdure" / "keys" / "ada.pem").exists()

    perdure("keys", "revoke", ada["key_id"])

    assert json.loads(perdure("keys", "list", "--json").splitlines()[0])["revoked"]
    with pytest.raises(PerdureError, match="was revoked at"):
        perdure("keys", "revoke", ada["key_id"])
    with pytest.raises(PerdureError, match="knows no key 123"):
        perdure("keys", "revoke", "123")


def test_who_is_away_names_who_answers_until_they_are_back() -> None:
    for name in ("ada", "bob"):
        perdure("keys", "new", name)

    assert "bob may answer for ada until 2099-01-07 00:00 UTC." in perdure(
        "delegate", "ada", "--to", "bob", "--until", "2099-01-07"
    )
    away = ApproversFile(Path("people.yaml")).current().approvers["ada"].away
    assert away is not None
    assert away.to == ("bob",)
    assert "ada answers again." in perdure("delegate", "ada", "--back")
    assert ApproversFile(Path("people.yaml")).current().approvers["ada"].away is None
    with pytest.raises(PerdureError, match="knows no eve"):
        perdure("delegate", "ada", "--to", "eve")


def test_a_name_that_names_no_file_is_refused() -> None:
    with pytest.raises(SetupError, match="cannot be the name of an approver"):
        perdure("keys", "new", "../eve")

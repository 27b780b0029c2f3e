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


def perdure(*arguments: str, ends: int = 0) -> str:
    said = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert said.exit_code == ends, said.output
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


@pytest.mark.parametrize(
    ("arguments", "told"),
    [(("--to", "bob"), "bob cannot answer for bob"), (("--to", "ada", "--until", "2020-01-07"), "is past")],
)
def test_who_answers_instead_is_somebody_else_and_for_a_time_to_come(arguments: tuple[str, ...], told: str) -> None:
    for name in ("ada", "bob"):
        perdure("keys", "new", name)

    assert told in perdure("delegate", "bob", *arguments, ends=2)
    assert ApproversFile(Path("people.yaml")).current().approvers["bob"].away is None


def test_a_new_key_names_the_older_ones_that_stay_valid() -> None:
    for _ in range(2):
        perdure("keys", "new", "ada")
    first, second = map(json.loads, perdure("keys", "list", "--json").splitlines())
    perdure("keys", "revoke", first["key_id"])

    told = perdure("keys", "new", "ada")

    assert f"`perdure keys revoke {second['key_id']}`" in told
    assert first["key_id"] not in told


@pytest.mark.parametrize("name", ["../eve", "b ob", "bob~1", "", ".bob"])
def test_a_name_that_nobody_can_type_or_that_names_no_file_is_refused(name: str) -> None:
    with pytest.raises(SetupError, match="cannot be the name of an approver"):
        perdure("keys", "new", name)


@pytest.mark.parametrize("name", ["zoë", "ada@example.com", "b.o-b_1+x"])
def test_a_name_may_be_an_address(name: str) -> None:
    perdure("keys", "new", name)

    assert name in ApproversFile(Path("people.yaml")).current().approvers


def test_who_is_known_by_a_name_of_two_words_gets_another_key() -> None:
    Path("people.yaml").write_text("approvers: {Ada Lovelace: {}}")

    perdure("keys", "new", "Ada Lovelace")

    assert len(ApproversFile(Path("people.yaml")).current().approvers["Ada Lovelace"].keys) == 1

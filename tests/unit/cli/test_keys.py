"""Keys and delegation on the command line, with an approvers file per test."""

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


def perdure(*arguments: str, exit_code: int = 0) -> str:
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == exit_code, result.output
    return result.output


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


def test_an_absent_approver_names_a_delegate_until_they_are_back() -> None:
    for name in ("ada", "bob"):
        perdure("keys", "new", name)

    assert "bob may vote for ada until 2099-01-07 00:00 UTC." in perdure(
        "delegate", "ada", "--to", "bob", "--until", "2099-01-07"
    )
    away = ApproversFile(Path("people.yaml")).current().approvers["ada"].away
    assert away is not None
    assert away.to == ("bob",)
    assert "ada votes again." in perdure("delegate", "ada", "--back")
    assert ApproversFile(Path("people.yaml")).current().approvers["ada"].away is None
    with pytest.raises(PerdureError, match="does not know eve"):
        perdure("delegate", "ada", "--to", "eve")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(("--to", "bob"), "bob cannot vote for bob"), (("--to", "ada", "--until", "2020-01-07"), "is past")],
)
def test_a_delegate_is_somebody_else_and_the_end_is_in_the_future(arguments: tuple[str, ...], message: str) -> None:
    for name in ("ada", "bob"):
        perdure("keys", "new", name)

    assert message in perdure("delegate", "bob", *arguments, exit_code=2)
    assert ApproversFile(Path("people.yaml")).current().approvers["bob"].away is None


def test_making_a_key_lists_the_older_ones_that_stay_valid() -> None:
    for _ in range(2):
        perdure("keys", "new", "ada")
    first, second = map(json.loads, perdure("keys", "list", "--json").splitlines())
    perdure("keys", "revoke", first["key_id"])

    output = perdure("keys", "new", "ada")

    assert f"`perdure keys revoke {second['key_id']}`" in output
    assert first["key_id"] not in output


@pytest.mark.parametrize("name", ["../eve", "b ob", "bob~1", "", ".bob"])
def test_a_name_that_nobody_can_type_or_that_is_no_file_name_is_refused(name: str) -> None:
    with pytest.raises(SetupError, match="cannot be the name of an approver"):
        perdure("keys", "new", name)


@pytest.mark.parametrize("name", ["zoë", "ada@example.com", "b.o-b_1+x"])
def test_a_name_may_be_an_address(name: str) -> None:
    perdure("keys", "new", name)

    assert name in ApproversFile(Path("people.yaml")).current().approvers


def test_an_approver_whose_name_has_two_words_gets_another_key() -> None:
    Path("people.yaml").write_text("approvers: {Ada Lovelace: {}}")

    perdure("keys", "new", "Ada Lovelace")

    assert len(ApproversFile(Path("people.yaml")).current().approvers["Ada Lovelace"].keys) == 1

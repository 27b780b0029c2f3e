"""Keys and delegation on the command line, with an approvers file per test."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from perdure.approvers import ApproversFile, SigningKey
from perdure.cli.app import app
from perdure.config.loader import load_settings
from perdure.config.private_folder import private_folder
from perdure.local.approver import unprotected_key


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
    perdure("approvers", "add", "ada", "--role", "editor")
    perdure("approvers", "add", "slack", "--proxy")
    ada, slack = map(json.loads, perdure("approvers", "list", "--json").splitlines())
    assert (ada["owner"], ada["roles"], ada["proxy"], ada["revoked"]) == ("ada", ["editor"], False, None)
    assert (slack["owner"], slack["proxy"]) == ("slack", True)
    assert (load_settings().keys_folder / "ada.pem").exists()
    assert not (folder / ".perdure").exists(), "no key lies where the project's agents work"

    perdure("approvers", "revoke", ada["key_id"])

    assert json.loads(perdure("approvers", "list", "--json").splitlines()[0])["revoked"]
    assert "was revoked at" in perdure("approvers", "revoke", ada["key_id"], exit_code=1)
    assert "knows no key 123" in perdure("approvers", "revoke", "123", exit_code=4)


def test_keys_of_perdure_0_1_stay_where_they_are_until_they_are_moved() -> None:
    earlier = Path(".perdure/keys")
    SigningKey.new().write(earlier / "ada.pem")

    assert load_settings().keys_folder == earlier
    assert f"{earlier} lies in the state folder: move it to" in (unprotected_key(load_settings()) or "")

    new = private_folder(Path(".perdure")) / "keys"
    new.parent.mkdir(parents=True)
    earlier.rename(new)
    assert load_settings().keys_folder == new
    assert "move it" not in (unprotected_key(load_settings()) or "")


def test_a_change_that_no_bus_can_record_says_so(folder: Path) -> None:
    assert "No bus was reached: ADMIN gets the new file" in perdure("approvers", "add", "ada")
    assert "No bus" not in perdure("approvers", "add", "eve", "--file", str(folder / "draft.yaml"))


def test_an_absent_approver_names_a_delegate_until_they_are_back() -> None:
    for name in ("ada", "bob"):
        perdure("approvers", "add", name)

    assert "bob may vote for ada until 2099-01-07 00:00:00" in perdure(
        "approvals", "delegate", "ada", "--to", "bob", "--until", "2099-01-07"
    )
    away = ApproversFile(Path("people.yaml")).current().approvers["ada"].away
    assert away is not None
    assert away.to == ("bob",)
    assert "ada votes again." in perdure("approvals", "delegate", "ada", "--back")
    assert ApproversFile(Path("people.yaml")).current().approvers["ada"].away is None
    assert "does not know eve" in perdure("approvals", "delegate", "ada", "--to", "eve", exit_code=4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(("--to", "bob"), "bob cannot vote for bob"), (("--to", "ada", "--until", "2020-01-07"), "is past")],
)
def test_a_delegate_is_somebody_else_and_the_end_is_in_the_future(arguments: tuple[str, ...], message: str) -> None:
    for name in ("ada", "bob"):
        perdure("approvers", "add", name)

    assert message in perdure("approvals", "delegate", "bob", *arguments, exit_code=2)
    assert ApproversFile(Path("people.yaml")).current().approvers["bob"].away is None


def test_a_rotated_key_leaves_the_older_one_valid_until_it_is_revoked() -> None:
    perdure("approvers", "add", "ada", "--role", "editor")
    first = json.loads(perdure("approvers", "list", "--json"))

    output = perdure("approvers", "rotate", "ada")

    lines = [json.loads(line) for line in perdure("approvers", "list", "--json").splitlines()]
    assert f"`perdure approvers revoke {first['key_id']}`" in output
    assert [(line["owner"], line["roles"], line["revoked"]) for line in lines] == [("ada", ["editor"], None)] * 2
    assert "`perdure approvers add eve`" in perdure("approvers", "rotate", "eve", exit_code=4)


def test_people_without_a_key_and_absent_people_are_listed_as_such() -> None:
    Path("people.yaml").write_text("approvers: {ada: {}, bob: {away: {to: [ada]}}}")

    output = perdure("approvers", "list")

    assert "no key: cannot decide" in output
    assert "ada may vote" in output


def test_making_a_key_lists_the_older_ones_that_stay_valid() -> None:
    for _ in range(2):
        perdure("approvers", "add", "ada")
    first, second = map(json.loads, perdure("approvers", "list", "--json").splitlines())
    perdure("approvers", "revoke", first["key_id"])

    output = perdure("approvers", "add", "ada")

    assert f"`perdure approvers revoke {second['key_id']}`" in output
    assert first["key_id"] not in output


@pytest.mark.parametrize("name", ["../eve", "b ob", "bob~1", "", ".bob"])
def test_a_name_that_nobody_can_type_or_that_is_no_file_name_is_refused(name: str) -> None:
    assert "cannot be the name of an approver" in perdure("approvers", "add", name, exit_code=1)


@pytest.mark.parametrize("name", ["zoë", "ada@example.com", "b.o-b_1+x"])
def test_a_name_may_be_an_address(name: str) -> None:
    perdure("approvers", "add", name)

    assert name in ApproversFile(Path("people.yaml")).current().approvers


def test_an_approver_whose_name_has_two_words_gets_another_key() -> None:
    Path("people.yaml").write_text("approvers: {Ada Lovelace: {}}")

    perdure("approvers", "add", "Ada Lovelace")

    assert len(ApproversFile(Path("people.yaml")).current().approvers["Ada Lovelace"].keys) == 1

"""The command line as a whole: options on either side, errors as text or JSON, exit codes, version."""

import json
import os
import re
import subprocess
from importlib.metadata import version
from io import BytesIO, TextIOWrapper
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner, Result

from perdure.cli.app import app
from perdure.cli.exit_codes import NO, NOT_FOUND, PENDING, UNREACHABLE, USAGE, code_of
from perdure.errors import NotFound, NotKept, Pending, PerdureError, SetupError, Unavailable, WrongArgument
from tests.support.binaries import binary


def perdure(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        ("routes", "check", "a.b", "{}", "--id", "7", "--json"),
        ("routes", "check", "--id", "7", "--json", "a.b", "{}"),
        ("routes", "--id", "7", "--json", "check", "a.b", "{}"),
        ("--id=7", "--json", "routes", "check", "a.b", "{}"),
        ("--json", "routes", "--id", "7", "check", "a.b", "{}"),
        ("--id", "check", "routes", "check", "--id", "7", "a.b", "--json"),  # a value that is a command's name
    ],
)
def test_an_option_may_stand_before_or_after_the_sub_command(
    arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "perdure.yaml").write_text('routes: [{on: a.b, start: A, workflow_id: "run-{id}"}]')

    result = perdure(*arguments)

    assert json.loads(result.stdout)["command"]["workflow_id"] == "run-7", result.output


def test_a_wrong_option_is_an_error_of_the_command_that_does_not_know_it() -> None:
    assert "perdure config [OPTIONS]" in perdure("config", "--nonsense", "check").stderr
    assert "No such option: --nonsense" in perdure("config", "check", "--nonsense").stderr


@pytest.mark.parametrize("arguments", [("approvers", "revoke", "12"), ("dlq", "resend"), ("runs", "sow"), ("runs",)])
def test_an_error_is_one_json_object_on_stderr_if_json_is_wanted(
    arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    result = perdure(*arguments, "--json")

    error = json.loads(result.stderr)
    assert error.keys() == {"error", "kind", "exit_code"}
    assert error["exit_code"] == result.exit_code
    assert result.stdout == ""


def test_json_after_two_dashes_is_an_argument() -> None:
    result = perdure("routes", "check", "--", "a.b", "--json")

    assert "perdure: The data is not JSON" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("publish", "people.arrived", "not json"), "The data is not JSON"),
        (("publish", "people.arrived", "[" * 100_000), "nested too deeply"),
        (("publish", "people.*", "{}"), "cannot be an event type"),
        (("publish", "people.arrived", "{}", "--id", ""), "may not be empty"),
        (("routes", "check", "a b", "{}"), "cannot be an event type"),
        (("runs", "signal", "r", "paid", "{"), "The data is not JSON"),
        (("runs", "update", "r", "add", "1", "{"), "The data is not JSON"),
        (("runs", "query", "r", "perdure_items"), "reserved name"),
        (("approve", "Pay-1.1", "--key", "/nope"), "There is no key /nope"),
    ],
)
def test_a_wrong_argument_is_named_with_exit_code_2(
    arguments: tuple[str, ...], text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERDURE_STATE", str(tmp_path))

    result = perdure(*arguments)

    assert (text in result.stderr, result.exit_code) == (True, USAGE), result.stderr


@pytest.mark.parametrize("command", ["publish a.b -", "routes check a.b -", "runs signal r s -"])
@pytest.mark.parametrize(("stdin", "text"), [(None, "Standard input is closed"), (b"\xff", "not text in UTF-8")])
def test_standard_input_that_cannot_be_read_is_a_sentence(
    command: str, stdin: bytes | None, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERDURE_STATE", str(tmp_path))
    given = None if stdin is None else TextIOWrapper(BytesIO(stdin), "utf-8")
    monkeypatch.setattr("perdure.cli.json_argument.sys", SimpleNamespace(stdin=given))

    result = perdure(*command.split())

    assert (text in result.stderr, result.exit_code) == (True, USAGE), result.stderr


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_a_full_disk_is_named(options: tuple[str, ...], tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [binary("perdure"), "routes", "list", *options],
            cwd=tmp_path,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            env={**os.environ, "PERDURE_ROUTES": '[{"on": "a", "start": "A"}]'},
        )

    assert ended.returncode == NO
    assert "No space is left on the disk: make room, and try again." in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (PerdureError("no"), NO),
        (SetupError("no"), NO),
        (NotKept("no"), NO),
        (WrongArgument("what"), USAGE),
        (Pending("wait"), PENDING),
        (NotFound("where"), NOT_FOUND),
        (Unavailable("away"), UNREACHABLE),
    ],
)
def test_each_error_has_one_exit_code(error: PerdureError, code: int) -> None:
    assert code_of(error) == code


def test_the_version_and_the_short_form_of_help() -> None:
    assert perdure("--version").stdout == f"perdure {version('perdure')}\n"
    assert perdure("runs", "list", "-h").stdout == perdure("runs", "list", "--help").stdout


def test_a_misspelt_command_names_the_nearest() -> None:
    assert "Did you mean 'show'?" in perdure("runs", "shwo").stderr
    assert re.search(r"Did you mean .*'routes'", perdure("routs").stderr)

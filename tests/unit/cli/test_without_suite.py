"""Commands in a folder without a suite: they fail before they import what is slow, and help imports no command."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
from typer.testing import CliRunner

from perdure.cli.app import app
from perdure.cli.command_group import CommandGroup, OnSuite
from tests.support.commands import COMMANDS

_SLOW: Final = {
    *("nats", "opentelemetry", "temporalio", "httpx2", "cel"),  # typer itself imports pydantic
    *("perdure.bus", "perdure.contracts", "perdure.config.settings", "perdure.flow"),
}
_PROGRAM: Final = """
import json, sys
from perdure.cli.app import app
try:
    app()
finally:
    print(json.dumps(sorted(sys.modules)), file=sys.stderr)
"""

_ALL_HELP: Final = """
import json, sys
from perdure.cli.app import app
codes = []
for words in json.loads(sys.argv[1]):
    try:
        app(words)
    except SystemExit as end:
        codes.append(end.code)
print(json.dumps([codes, sorted(sys.modules)]), file=sys.stderr)
"""


def groups() -> dict[str, CommandGroup]:
    return {path: command for path, command in COMMANDS.items() if isinstance(command, CommandGroup)}


def on_suite() -> list[str]:
    return [
        f"{path} {name}"
        for path, group in groups().items()
        for name, entry in group.modules.items()
        if isinstance(entry, OnSuite)
    ]


def run(path: str, *more: str, folder: Path) -> tuple[int, str, set[str]]:
    words = [*path.split()[1:], *more]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PERDURE_")}
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, *words],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    *errors, modules = done.stderr.splitlines()
    return done.returncode, "\n".join(errors), set(json.loads(modules))


@pytest.mark.parametrize("path", on_suite())
def test_a_command_without_a_suite_fails_before_slow_imports(path: str, tmp_path: Path) -> None:
    code, errors, modules = run(path, folder=tmp_path)

    assert code == 75
    assert errors.startswith("perdure: No suite runs in this folder")
    assert not _SLOW & modules


def test_a_configuration_without_a_suite_fails_as_fast(tmp_path: Path) -> None:
    (tmp_path / "perdure.yaml").write_text("routes: []\n")

    code, errors, modules = run("perdure runs list", folder=tmp_path)

    assert (code, errors.split(":")[0]) == (75, "perdure")
    assert not _SLOW & modules


def test_the_doctor_says_at_once_that_there_is_no_suite(tmp_path: Path) -> None:
    code, _, modules = run("perdure doctor", "--json", folder=tmp_path)

    assert code == 1
    assert not _SLOW & modules


def test_the_doctor_of_a_project_without_a_suite_looks_for_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "perdure.yaml").write_text("routes: []\n")

    found = [json.loads(line) for line in CliRunner().invoke(app, ["doctor", "--json"]).stdout.splitlines()]

    assert [it["what"] for it in found if not it["good"]] == ["suite"]
    assert found[-1]["detail"].startswith("No suite runs in this folder")


@pytest.mark.parametrize("configuration", ["state: elsewhere\n", "nats: {servers: ['nats://127.0.0.1:1']}\n", "x: [\n"])
def test_a_configuration_that_may_name_a_suite_elsewhere_is_read(configuration: str, tmp_path: Path) -> None:
    (tmp_path / "perdure.yaml").write_text(configuration)

    code, errors, _ = run("perdure runs list", folder=tmp_path)

    assert code in {1, 2, 75}
    assert "elsewhere" in errors or "nats://127.0.0.1:1" in errors or "No suite" in errors


def test_help_imports_nothing_slow() -> None:
    asked = [[*path.split()[1:], "-h"] for path in COMMANDS]

    done = subprocess.run(
        [sys.executable, "-c", _ALL_HELP, json.dumps(asked)], capture_output=True, text=True, check=False
    )

    codes, modules = json.loads(done.stderr)
    assert codes == [0] * len(asked)
    assert not _SLOW & set(modules)


@pytest.mark.parametrize(("path", "group"), groups().items())
def test_a_list_shows_the_first_line_of_each_commands_help(path: str, group: CommandGroup) -> None:
    shown = {f"{path} {name}": entry.help for name, entry in group.modules.items()}

    assert shown == {child: (COMMANDS[child].help or "").splitlines()[0] for child in shown}

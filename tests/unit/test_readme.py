"""What the documents show is what is there."""

import re
import shlex
from pathlib import Path
from typing import Any, get_args

import pytest
from typer.main import get_command

from perdure.cli.app import app
from perdure.config.loader import load_settings
from perdure.config.yaml_file import CONFIG_VARIABLE
from perdure.contracts import Reason
from tests.support.readme import README, blocks

ROOT = Path(__file__).parents[2]
DOCUMENTS = [
    ROOT / "README.md",
    *sorted((ROOT / "examples").rglob("README.md")),
    *sorted((ROOT / "deploy").glob("*.md")),
]


def commands() -> list[str]:
    lines = [line for file in DOCUMENTS for block in blocks(file.read_text(), "sh") for line in block.splitlines()]
    return sorted({re.split("[#<]", line)[0].strip() for line in lines if line.startswith("perdure ")})


def test_the_readme_shows_the_example_as_it_is() -> None:
    example = ROOT / "examples" / "greeting"

    assert (example / "greetings.py").read_text() in blocks(README, "python")
    assert (example / "perdure.yaml").read_text() in blocks(README, "yaml")


@pytest.mark.parametrize("line", commands())
def test_every_command_that_is_shown_can_be_typed(line: str) -> None:
    _, *words = shlex.split(line)
    command: Any = get_command(app)
    while words and words[0] in getattr(command, "commands", {}):
        command = command.commands[words.pop(0)]

    command.make_context("perdure", words)


def test_every_reason_of_a_dead_letter_is_explained() -> None:
    rows = README.partition("| reason |")[2].partition("\n\n")[0]

    assert set(re.findall(r"`(\w+)`(?=[^|]*\|)", rows.replace("| ", "\n| "))) >= set(get_args(Reason))


def test_the_channels_that_are_shown_are_channels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "perdure.yaml"
    file.write_text(blocks((ROOT / "deploy" / "channels.md").read_text(), "yaml")[0])
    monkeypatch.setenv(CONFIG_VARIABLE, str(file))

    assert list(load_settings().notifier.channels) == ["desk", "mail", "hook", "pager"]


def test_the_configuration_that_is_shown_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "perdure.yaml"
    file.write_text(next(block for block in blocks(README, "yaml") if "execution_engine" in block))
    monkeypatch.setenv(CONFIG_VARIABLE, str(file))

    settings = load_settings()

    assert [route.label for route in settings.routes] == ["DocumentAnalysis", "cancel"]


def test_the_routes_that_are_shown_are_routes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "perdure.yaml"
    file.write_text(next(block for block in blocks(README, "yaml") if "signal_with_start" in block))
    monkeypatch.setenv(CONFIG_VARIABLE, str(file))

    labels = [route.label for route in load_settings().routes]

    assert labels == ["Summarise", "Report", "Order", "cancel", "Cart-add"]

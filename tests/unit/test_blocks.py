"""Every block of code in the documents is code, in its own language."""

import ast
import importlib
import json
import re
import subprocess
import tomllib
from pathlib import Path
from shlex import join, split
from typing import Any, Final

import pytest
import typer
from typer.main import get_command

from perdure.approvers import Directory
from perdure.cli.app import app
from perdure.config.loader import load_settings
from perdure.config.yaml_file import CONFIG_VARIABLE, read_yaml
from tests.support.deploy_files import run
from tests.support.documents import DOCUMENTS, ROOT, Block, block, blocks, commands_in, inline_commands, named

LANGUAGES: Final = {"", "go", "json", "python", "sh", "toml", "yaml"}
SOURCES: Final = [
    ROOT / "docker-compose.yml",
    *(
        file
        for folder in ("shared", "services", "deploy", "examples")
        for file in sorted((ROOT / folder).rglob("*.*"))
        if file.suffix in {".py", ".yaml", ".conf"}
    ),
]
_FIELD: Final = re.compile(r"\{[^{}\n]*\}")  # of an f-string: some argument
_OF_APPROVERS: Final = {"approvers", "proxies"}
_INCOMPLETE: Final = {"BadOptionUsage", "MissingParameter", "NoArgsIsHelpError"}


@pytest.fixture(autouse=True)
def suite(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parse every command as if a suite ran."""
    monkeypatch.setattr("perdure.cli.command_group.refuse_absent_suite", lambda: None)


def test_every_block_is_of_a_language_that_is_checked() -> None:
    assert {str(it): it.language for it in blocks() if it.language not in LANGUAGES} == {}


@pytest.mark.parametrize("shown", blocks("sh"), ids=str)
def test_a_shell_block_is_a_script(shown: Block) -> None:
    checked = subprocess.run(["bash", "-n"], input=shown.text, text=True, capture_output=True, check=False)  # noqa: S607

    assert checked.stderr == ""


@pytest.mark.parametrize("command", sorted({join(words) for it in blocks("sh") for words in commands_in(it.text)}))
def test_every_command_in_a_block_can_be_typed(command: str) -> None:
    parse(split(command))


@pytest.mark.parametrize("document", [it for it in DOCUMENTS if it.name != "CHANGELOG.md"], ids=named)
def test_every_command_in_a_sentence_exists(document: Path) -> None:
    for words in inline_commands(document.read_text()):
        parse(words, complete=False)


@pytest.mark.parametrize("file", [it for it in SOURCES if "`perdure " in it.read_text()], ids=named)
def test_every_command_that_the_code_names_exists(file: Path) -> None:
    for words in inline_commands(_FIELD.sub("1", file.read_text())):
        parse(words, complete=False)


@pytest.mark.parametrize("shown", blocks("yaml"), ids=str)
def test_a_yaml_block_is_configuration(shown: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "perdure.yaml"
    file.write_text(shown.text)
    content = read_yaml(shown.text)
    if "services" in content:
        run("check-jsonschema", "--builtin-schema", "vendor.compose-spec", file)
    elif content.keys() <= _OF_APPROVERS:
        Directory.model_validate(content)
    else:
        monkeypatch.setenv(CONFIG_VARIABLE, str(file))
        load_settings()


@pytest.mark.parametrize("shown", blocks("json"), ids=str)
def test_a_json_block_is_json(shown: Block) -> None:
    assert json.loads(shown.text)


@pytest.mark.parametrize("shown", blocks("toml"), ids=str)
def test_a_toml_block_is_toml(shown: Block) -> None:
    assert tomllib.loads(shown.text)


@pytest.mark.parametrize("shown", blocks("python"), ids=str)
def test_a_python_block_compiles_and_imports_what_exists(shown: Block) -> None:
    tree = compile(
        shown.text, str(shown), "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True
    )
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("perdure"):
            module = importlib.import_module(str(node.module))
            assert [alias.name for alias in node.names if not hasattr(module, alias.name)] == []


def test_the_readme_shows_the_example_as_it_is() -> None:
    example = ROOT / "examples" / "greeting"

    assert block("README.md", "class Greeting") == (example / "greetings.py").read_text()
    assert block("README.md", "workflows: [greetings]") == (example / "perdure.yaml").read_text()


def test_workflows_import_at_the_top_as_the_page_advises() -> None:
    advice = (ROOT / "docs" / "workflows.md").read_text()
    shown = {str(it): it.text for it in blocks("python")}
    written = {named(it): it.read_text() for it in SOURCES if it.suffix == ".py" and "examples" in it.parts}

    assert "imports stand at the top" in advice
    for place, text in (shown | written).items():
        if "@workflow.defn" in text:
            tree = ast.parse(text)
            deep = [it for it in ast.walk(tree) if isinstance(it, ast.Import | ast.ImportFrom) and it not in tree.body]
            assert deep == [], place


def parse(words: list[str], *, complete: bool = True) -> None:
    """Parse a command line without running it.

    Args:
        words: What follows ``perdure``.
        complete: Whether an argument or a value that is missing is a mistake too.
    """
    command: Any = get_command(app)
    path, parent = "perdure", None
    try:
        while True:
            context = command.make_context(path, words, parent)
            if not hasattr(command, "resolve_command"):
                return
            words = [*context._protected_args, *context.args]  # noqa: SLF001 (click has no other way to it)
            path, command, words = command.resolve_command(context, words)
            parent = context
    except typer.Exit:
        return  # an option such as --version, which ends the command
    except Exception as error:
        if complete or type(error).__name__ not in _INCOMPLETE:
            raise

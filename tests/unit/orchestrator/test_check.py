"""What the orchestrator's check finds in the user's modules, before any server starts."""

import os
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from perdure.config.loader import load_settings
from perdure.values import author_code
from perdure_orchestrator import sandbox
from perdure_orchestrator.check import find_problems

Problems = Callable[..., list[str]]

GREETING = """
from temporalio import workflow

@workflow.defn
class Greeting:
    @workflow.run
    async def run(self) -> None: ...
"""


@pytest.fixture
def problems(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Problems]:
    """Return the problems of a module with this text and a configuration with these lines."""
    known = set(sys.modules)

    def find(text: str, *lines: str, module: str = "mine") -> list[str]:
        (tmp_path / "mine.py").write_text(text)
        (tmp_path / "perdure.yaml").write_text("\n".join([f"workflows: [{module}]", *lines]))
        monkeypatch.chdir(tmp_path)
        monkeypatch.syspath_prepend(tmp_path)
        return [str(problem) for problem in find_problems(load_settings())]

    yield find
    for name in set(sys.modules) - known:
        del sys.modules[name]


def test_a_good_configuration_has_none(problems: Problems) -> None:
    assert problems(GREETING, "routes: [{on: a, start: Greeting}, {on: b, start: DocumentAnalysis}]") == []


def test_an_unknown_workflow_is_named_with_the_nearest_one(problems: Problems) -> None:
    (found,) = problems(GREETING, "routes:", "  - {on: a, start: Greeting}", "  - {on: b, start: Greting}")

    assert found.startswith("perdure.yaml:4: route Greting: no workflow is called Greting: did you mean Greeting?")


def test_the_workflows_of_other_task_queues_are_not_known_here(problems: Problems) -> None:
    assert problems(GREETING, "routes: [{on: a, start: Refund, task_queue: refunds}]") == []


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("import os\n\nimport requets\n", "mine.py:3: The workflow module mine cannot be imported (No module named"),
        ("a = 1\ndef b(:\n", "mine.py:2: The workflow module mine breaks while it is imported (SyntaxError"),
        ("\nNAMES = {}['name']\n", "mine.py:2: The workflow module mine breaks while it is imported (KeyError"),
        ("NAME = 1\n", "perdure.yaml:1: The module mine defines no workflow"),
    ],
)
def test_a_module_that_does_not_load_is_a_problem_at_its_line(problems: Problems, text: str, start: str) -> None:
    (found,) = problems(text)

    assert found.startswith(start)


@pytest.mark.parametrize("installed", [None, "from mcp.server.fastmcp import FastMCP"])
def test_an_import_of_mcp_agent_is_a_problem_with_the_package_to_import_from(
    problems: Problems, tmp_path: Path, installed: str | None
) -> None:
    if installed:  # beside Perdure it cannot be imported, because it needs an older mcp
        (tmp_path / "mcp_agent").mkdir()
        (tmp_path / "mcp_agent" / "app.py").write_text(installed)

    (found,) = problems("from mcp_agent.app import MCPApp\n")

    assert "mcp_agent" in found
    assert found.endswith("A program for mcp-agent imports from `perdure.flow.mcp_agent` instead of `mcp_agent`.")


def test_a_module_that_does_not_exist_is_a_problem_of_the_configuration(problems: Problems) -> None:
    (found,) = problems("", module="nowhere_at_all")

    assert found.startswith("perdure.yaml:1: The workflow module nowhere_at_all cannot be imported")


LIBRARIES = [
    *("requests", "httpx", "openai", "anthropic", "google.genai", "structlog", "rich.console", "textual"),
    *("ruamel.yaml", "mcp", "pydantic_ai", "faststream", "cryptography.fernet", "sqlalchemy", "slack_sdk"),
    *("pypdf", "regex"),
]


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_library_may_be_imported_beside_a_workflow(problems: Problems, library: str) -> None:
    pytest.importorskip(library)

    assert problems(f"import {library}\n{GREETING}") == []


def test_an_import_that_the_sandbox_refuses_is_named_with_what_to_write(problems: Problems, tmp_path: Path) -> None:
    (tmp_path / "house_clock.py").write_text("import random\n\nSEED = random.random()\n")

    (found,) = problems(f"import house_clock\n{GREETING}")

    assert found.startswith("house_clock.py:3: `SEED = random.random()` does not load in the workflow sandbox")


def test_a_library_of_random_ids_is_still_found_by_the_sandbox(problems: Problems, tmp_path: Path) -> None:
    (tmp_path / "shortuuid.py").write_text("import random\n\nSEED = random.random()\n")

    (found,) = problems(f"import shortuuid\n{GREETING}")

    assert "SEED = random.random()" in found


def test_a_library_that_the_sandbox_refuses_is_named_with_the_lines_that_load_it(
    problems: Problems, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    libraries = tmp_path / "libraries"
    libraries.mkdir()
    (libraries / "shortuuid.py").write_text("import random\n\nSEED = random.random()\n")
    monkeypatch.syspath_prepend(libraries)
    monkeypatch.setattr(author_code, "_LIBRARIES", (*author_code._LIBRARIES, f"{libraries}{os.sep}"))  # noqa: SLF001

    (found,) = problems(f"import shortuuid\n{GREETING}")
    _, _, advice = found.partition("load it once outside of the sandbox:\n")

    assert found.startswith("mine.py:1: `import shortuuid` does not load in the workflow sandbox")
    assert advice == "      with workflow.unsafe.imports_passed_through():\n          import shortuuid"
    assert problems(f"from temporalio import workflow\n\n{textwrap.dedent(advice)}\n{GREETING}") == []


def test_a_workflow_that_is_installed_as_a_library_is_still_in_the_sandbox(
    problems: Problems, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox, "library_modules", lambda: frozenset({"mine", "pydantic"}))

    (found,) = problems(f"import random\n\nSEED = random.random()\n{GREETING}")

    assert found.startswith("mine.py:3: `SEED = random.random()`")


def test_what_a_module_does_at_its_import_must_be_deterministic(problems: Problems) -> None:
    (found,) = problems(f"from datetime import datetime\n\nBEGAN = datetime.now()\n{GREETING}")

    assert found.startswith("mine.py:3: `BEGAN = datetime.now()` does not load in the workflow sandbox")
    assert "move this into an activity" in found


def test_without_the_sandbox_nothing_is_checked_in_it(problems: Problems) -> None:
    assert problems(f"import random\n\nSEED = random.random()\n{GREETING}", "temporal: {sandbox: false}") == []


@pytest.mark.parametrize(
    ("missing", "what"),
    [("openai", "the package openai is not installed: pip install 'perdure[openai]'"), (None, "OPENAI_API_KEY")],
)
def test_a_model_that_cannot_be_used_is_a_problem(
    problems: Problems, monkeypatch: pytest.MonkeyPatch, missing: str | None, what: str
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    if missing:
        _forget(monkeypatch, "pydantic_ai.models.openai", "pydantic_ai.providers.openai")
        monkeypatch.setitem(sys.modules, missing, None)

    (found,) = problems(GREETING, "llm: {model: 'openai:gpt-5.2'}")

    assert found.startswith("perdure.yaml:2: The model openai:gpt-5.2 cannot be used: ")
    assert what in found


def _forget(monkeypatch: pytest.MonkeyPatch, *modules: str) -> None:
    stored: Any = sys.modules
    for name in modules:
        monkeypatch.delitem(stored, name, raising=False)

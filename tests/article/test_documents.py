"""The programs of the documents run, as a reader would copy them."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from perdure.testing import WorkflowRunner
from tests.article.selling import Selling
from tests.support import greeter
from tests.support.documents import block, blocks

LIVE: Final = {"publish", "follow", "publish_and_wait"}
"""What `tests/live/test_documents.py` runs."""
HERE: Final = {
    *("greet", "Greeting", "Order", "count_words", "Summary", "add_time_of_day"),
    *("test_ada_is_greeted", "test_the_clerk_asks_for_the_price", "test_an_order_waits_for_its_payment"),
}


def test_every_program_of_the_documents_is_run_by_a_test() -> None:
    assert {name for shown in blocks("python") for name in shown.definitions} == HERE | LIVE


async def test_the_example_with_a_model_and_a_server_passes(run_workflow: WorkflowRunner) -> None:
    names: dict[str, Any] = {"Selling": Selling, "my_mcp_server": greeter.shop()}

    exec(block("docs/testing.md", "my_mcp_server"), names)  # noqa: S102 (the repository's own document)
    await names["test_the_clerk_asks_for_the_price"](run_workflow)


def test_the_recipe_for_tests_works_in_an_empty_folder(tmp_path: Path) -> None:
    files = {
        "greetings.py": block("README.md", "class Greeting"),
        "order.py": block("docs/workflows.md", "class Order"),
        "pyproject.toml": block("docs/testing.md", "[tool.pytest.ini_options]"),
        "conftest.py": block("docs/testing.md", "pytest_plugins ="),
        "test_greetings.py": block("docs/testing.md", "def test_ada_is_greeted"),
        "test_order.py": block("docs/testing.md", "def test_an_order_waits"),
    }

    assert "2 passed" in pytest_in(tmp_path, files)


def test_a_workflow_that_was_changed_by_a_patch_runs(tmp_path: Path) -> None:
    files = {
        "greetings.py": block("docs/upgrading.md", "class Greeting"),
        "pyproject.toml": block("docs/testing.md", "[tool.pytest.ini_options]"),
        "conftest.py": block("docs/testing.md", "pytest_plugins ="),
        "test_greetings.py": block("docs/testing.md", "def test_ada_is_greeted"),
    }

    assert "assert 'Hello, Ada! Good morning!' == 'Hello, Ada!'" in pytest_in(tmp_path, files)


def test_an_agent_with_a_server_and_a_function_runs(tmp_path: Path) -> None:
    files = {
        "summary.py": block("docs/agents.md", "class Summary"),
        "pyproject.toml": block("docs/testing.md", "[tool.pytest.ini_options]"),
        "conftest.py": block("docs/testing.md", "pytest_plugins ="),
        "test_summary.py": SUMMARY_TEST,
    }

    assert "1 passed" in pytest_in(tmp_path, files)


SUMMARY_TEST: Final = '''
from mcp.server.mcpserver import MCPServer

from perdure.testing import ToolUse
from summary import Summary

server = MCPServer("filesystem")


@server.tool()
def read_text_file(path: str) -> str:
    """Read a file."""
    return f"the text of {path}"


async def test_a_summary_counts_words(run_workflow):
    outcome = await run_workflow(
        Summary,
        {"path": "contract.md"},
        model=[ToolUse("count_words", {"text": "one two"}), "A contract of two words."],
        servers={"filesystem": server},
    )

    assert outcome.result == "A contract of two words."
    assert "analyst: count_words" in outcome.steps
'''


def pytest_in(folder: Path, files: dict[str, str]) -> str:
    """Write these files, and return what pytest prints in a process of its own."""
    for name, text in files.items():
        (folder / name).write_text(text)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--timeout", "60"]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    ).stdout

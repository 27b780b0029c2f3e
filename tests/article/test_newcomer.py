"""A newcomer saves the article's first program and configurations, and types its commands."""

from pathlib import Path

import pytest

from perdure.config.loader import load_settings
from perdure.config.yaml_file import CONFIG_VARIABLE
from tests.support.article import PRINTED, changed_programs, configurations, printed_programs
from tests.support.command_line import perdure
from tests.support.documents import ROOT, block, blocks

PAGE = "docs/mcp-agent.md"
COMMANDS = [line for it in blocks("sh", ROOT / PRINTED) for line in it.text.splitlines() if line and line[0] != "#"]


def test_the_first_program_as_printed_is_refused_with_the_line_to_write_and_then_accepted(tmp_path: Path) -> None:
    (tmp_path / "perdure.yaml").write_text(block(PAGE, "workflows: [app]"))
    (tmp_path / "app.py").write_text(printed_programs()[0], encoding="utf-8")

    printed = perdure(tmp_path, "config", "check")
    (tmp_path / "app.py").write_text(changed_programs(), encoding="utf-8")
    changed = perdure(tmp_path, "config", "check")

    assert "app.py:1: The workflow module app cannot be imported (No module named 'mcp_agent')" in printed.stdout
    assert "imports from `perdure.flow.mcp_agent` instead of `mcp_agent`" in printed.stdout
    assert (changed.returncode, changed.stdout) == (0, "perdure.yaml: nothing is wrong.\n"), changed.stderr


@pytest.mark.parametrize(
    ("text", "expected"),
    list(
        zip(
            configurations(),
            [
                ("localhost", 7233, "default", "mcp-agent", False),
                ("temporal.example.com", 7233, "production", "mcp-agent-production", True),
            ],
            strict=True,
        )
    ),
)
def test_a_configuration_of_the_article_is_one_of_perdure_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, expected: tuple[str | int, ...]
) -> None:
    (tmp_path / "perdure.yaml").write_text(text, encoding="utf-8")
    monkeypatch.setenv(CONFIG_VARIABLE, str(tmp_path / "perdure.yaml"))

    settings = load_settings()

    its = settings.temporal
    assert settings.execution_engine == "temporal"
    assert (its.host, its.port, its.namespace, its.task_queue, bool(its.tls.enabled)) == expected


@pytest.mark.parametrize("command", COMMANDS)
def test_the_page_has_what_becomes_of_each_command_of_the_article(command: str) -> None:
    rows = [row.split(" | ")[0] for row in (ROOT / PAGE).read_text().splitlines() if row.startswith("| `")]

    assert any(" ".join(command.split()[:2]) in row for row in rows)

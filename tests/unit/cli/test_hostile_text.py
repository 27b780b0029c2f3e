"""Whatever an id, a title, an error or a body holds: commands show it as text, and never as a line of their own."""

import asyncio
import contextlib
import io
import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from typer.testing import CliRunner

from perdure.bus import MemoryBus, RawMessage
from perdure.cli.app import app
from perdure.cli.approvals.text import line
from perdure.cli.completion import complete_request, complete_route, complete_run
from perdure.cli.message_text import describe
from perdure.cli.output import console, progress_line
from perdure.cli.published_text import outcome_lines
from perdure.contracts import DeadLetter, Message, Progress
from perdure.contracts.outcomes import EventOutcome, EventRun, RefusedEvent
from perdure.errors import NotFound
from perdure.runtime.stderr import print_error
from perdure.values.short_code import is_plain, request_word, run_word
from tests.support.cli_bus import use_bus
from tests.support.hostile import acting_characters, hostile, hostile_id
from tests.support.notifier import NOON, alert, decided, request

ROOT = Path(__file__).parents[3]
FAKE = "\nFAKE row\n"  # no line of a command's output may begin with it


def published(run: str, text: str) -> list[Message]:
    """Messages about a run and its request, whose every text is hostile."""
    about: dict[str, Any] = {"workflow": text, "workflow_id": run, "run_id": text}
    fields = {"step": text, "error": text, "result": text, "at": NOON}
    reference = {"stream": "EVENTS", "stream_sequence": 1, "original_subject": f"events.{text}"}
    return [
        request(**about, request_id=f"{run}.1", title=text, details=text, action=text, requester=text),
        decided().model_copy(update={**about, "request_id": f"{run}.1", "comment": text, "approver": text}),
        Progress(**about, **fields, sequence=1, kind="note"),
        Progress(**about, **fields, sequence=2, kind="failed"),
        alert(**about, title=text, details=text),
        DeadLetter(**reference, service="ingest", reason="no_route", detail=text, headers={"x": text}, at=NOON),
    ]


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(hostile_id, hostile)
def test_no_command_shows_a_line_of_others_as_its_own(run: str, text: str) -> None:
    text = f"{text}{FAKE}{text}".encode(errors="replace").decode()
    bus, run = MemoryBus(), f"{run}{FAKE}"
    for message in published(run, text):
        asyncio.run(bus.publish(message))
    modules = ("approvals.list", "approvals.show", "runs.list", "runs.result", "dlq", "completion")
    commands = [
        *(["approvals", "list", "--state", "all"], ["approvals", "show", request_word(f"{run}.1")]),
        *(["runs", "list"], ["runs", "result", run_word(run)], ["dlq", "list"], ["dlq", "show", "1"]),
    ]

    with pytest.MonkeyPatch.context() as patch:
        use_bus(patch, bus, *modules)
        results = [CliRunner().invoke(app, command) for command in commands]
        completed = [*complete_run(""), *complete_request("")]

    assert [result.exit_code for result in results] == [0, 0, 0, 1, 0, 0], [it.output for it in results]
    for output in (stream for result in results for stream in (result.stdout, result.stderr)):
        assert acting_characters(output) == []
        assert [line for line in output.splitlines() if line.startswith("FAKE")] == []
    assert completed
    assert [word for word in completed if not is_plain(word)] == []


def test_a_name_that_a_shell_would_run_completes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names = ["Q$(touch pwned)", "Q;id", "Q`id`", "Q-good"]
    routes = [{"on": "a", "start": "A", "name": name} for name in names]
    (tmp_path / "perdure.yaml").write_text(json.dumps({"routes": routes}))

    assert complete_route("Q") == ["Q-good"]


@given(hostile_id, hostile)
def test_a_line_about_a_message_is_one_line(run: str, text: str) -> None:
    messages = published(run, text)
    about = EventOutcome(
        id=text,
        state="failed",
        refused=RefusedEvent(number=1, service="ingest", reason="no_route", detail=text),
        runs=(EventRun(workflow_id=run, kind="failed", error=text), EventRun(workflow_id=run, result=text)),
    )
    shown = [
        *(it.plain for message in messages if (it := line(message))),
        *(progress_line(it, name_run=True).plain for it in messages if isinstance(it, Progress)),
        *outcome_lines(about),
        describe(RawMessage(f"events.{run}", text.encode(errors="replace"), {"ce-id": text, "ce-source": text})),
    ]
    with console.capture() as captured:
        for one in shown:
            console.print(one, soft_wrap=True, markup=False)

    assert [one for one in shown if "\n" in one] == []
    assert acting_characters(captured.get()) == []


@given(hostile)
def test_an_error_shows_escapes_and_indents_what_follows(text: str) -> None:
    with contextlib.redirect_stderr(io.StringIO()) as printed:
        print_error(f"perdure: {text}{FAKE}")

    first, *more = printed.getvalue().removesuffix("\n").split("\n")
    assert first.startswith("perdure: ")
    assert [line for line in more if not line.startswith("  ")] == []
    assert acting_characters(printed.getvalue()) == []


@pytest.mark.parametrize(
    "command", [["approve", "{}"], ["runs", "{}"], ["--{}"], ["approvals", "list", "--state", "{}"]]
)
def test_errors_of_every_kind_go_through_one_place(command: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise NotFound(text)

    text = f"\x1b[2K\u202e{FAKE}"
    monkeypatch.setattr("perdure.cli.command_group.refuse_absent_suite", refuse)

    result = CliRunner().invoke(app, [word.format(text) for word in command])

    assert result.exit_code != 0
    assert "FAKE row" in result.stderr
    assert [line for line in result.stderr.splitlines() if line.startswith("FAKE")] == []
    assert acting_characters(result.output) == []


def test_nothing_else_prints_on_standard_error() -> None:
    found = [
        f"{file.relative_to(ROOT)}: {line.strip()}"
        for file in (*(ROOT / "shared").rglob("*.py"), *(ROOT / "services").rglob("*.py"))
        for line in file.read_text().splitlines()
        if re.search(r"\berr=True|file=sys\.stderr|sys\.stderr\.write", line)
    ]

    assert [line for line in found if not line.startswith("shared/perdure/runtime/stderr.py")] == []


@given(hostile_id)
def test_what_stands_in_for_an_id_in_a_command_is_one_word_for_every_shell(run: str) -> None:
    for word in (run_word(run), request_word(f"{run}.1")):
        assert shlex.split(f"perdure show {word} # and more", comments=True) == ["perdure", "show", word]
        assert re.fullmatch(r"[\w.:@+~-]+", word, re.ASCII)
        assert not word.startswith("-")


def test_ids_that_are_plain_are_shown_as_they_are() -> None:
    assert run_word("Order~a-1") == "Order~a-1"
    assert request_word("DocumentAnalysis-EVENTS.1.1") == "DocumentAnalysis-EVENTS.1.1"

"""Nobody signs what they have not seen: a terminal shows the request and asks, a script names its digest."""

import json
import os
import pty
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from perdure.approvers import SigningKey
from perdure.bus import MemoryBus
from perdure.cli.app import app
from perdure.cli.approvals import decide
from perdure.contracts import ApprovalRequested, Decision
from perdure_notifier.channels.slack_blocks import notice_blocks
from perdure_notifier.notice import Notice
from perdure_notifier.render import render
from tests.support.cli_bus import use_bus
from tests.support.notifier import request

REQUEST = request(details={"to": "ACME"}, action={"pay": 300}, on_behalf_of="order desk")
HOSTILE = request(workflow_id="w; rm -r ~", request_id="w; rm -r ~.1")

Open = Callable[[ApprovalRequested], MemoryBus]
VERBS = [("approve", "w.1"), ("reject", "w.1", "--reason", "no"), ("approvals", "withdraw", "w.1")]


@pytest.fixture
def holding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Open:
    """Return a function that puts one open request on the bus, on which nobody judges decisions."""
    monkeypatch.chdir(tmp_path)
    SigningKey.new().write(tmp_path / "ada.pem")
    monkeypatch.setattr(decide, "_RECEIPT_WITHIN", 0.05)

    def open_bus(held: ApprovalRequested) -> MemoryBus:
        bus = MemoryBus()
        use_bus(monkeypatch, bus, "approvals.decide", holding=(held,))
        return bus

    return open_bus


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, [*arguments, "--key", "ada.pem"])


def signed(bus: MemoryBus) -> list[str]:
    return [it.digest for it in bus.published if isinstance(it, Decision)]


@pytest.mark.parametrize("verb", VERBS)
def test_a_script_that_names_no_digest_signs_nothing(holding: Open, verb: tuple[str, ...]) -> None:
    bus = holding(REQUEST)

    result = run(*verb)

    assert result.exit_code == 1
    assert "perdure approvals show w.1" in result.output
    assert signed(bus) == []


@pytest.mark.parametrize("verb", VERBS)
def test_a_script_signs_the_request_whose_digest_it_names(holding: Open, verb: tuple[str, ...]) -> None:
    bus = holding(REQUEST)

    run(*verb, "--digest", REQUEST.digest[:12].upper())

    assert signed(bus) == [REQUEST.digest]


@pytest.mark.parametrize(
    ("digest", "sentence"),
    [
        ("", "too short for a digest"),
        (REQUEST.digest[:11], "too short for a digest"),
        ("0" * 12, "it is not the request that you have seen"),
        (f"{REQUEST.digest}0", "it is not the request that you have seen"),
    ],
)
def test_another_or_a_short_digest_signs_nothing(holding: Open, digest: str, sentence: str) -> None:
    bus = holding(REQUEST)

    result = run("approve", "w.1", "--digest", digest)

    assert result.exit_code == 1
    assert sentence in result.output
    assert signed(bus) == []


@pytest.mark.parametrize("verb", VERBS)
def test_a_request_that_shows_something_else_than_its_digest_is_never_signed(
    holding: Open, verb: tuple[str, ...]
) -> None:
    forged = REQUEST.model_copy(update={"action": {"pay": 3}})
    bus = holding(forged)

    result = run(*verb, "--digest", forged.digest)

    assert result.exit_code == 1
    assert "shows something else than its digest is about" in result.output
    assert signed(bus) == []


@pytest.mark.parametrize(("answer", "count"), [("y", 1), ("n", 0), ("", 0)])
def test_a_terminal_shows_the_request_and_asks(
    holding: Open, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], answer: str, count: int
) -> None:
    bus = holding(REQUEST)

    on_terminal(monkeypatch, answer, "approve", "w.1")

    shown = capfd.readouterr().out
    assert all(part in shown for part in ("Pay 1?", '"to": "ACME"', '"pay": 300', "order desk", REQUEST.digest))
    assert "Approve it as ada?" in shown
    assert len(signed(bus)) == count


@pytest.mark.parametrize("number", range(3))
@pytest.mark.parametrize("asked", [REQUEST, HOSTILE], ids=["plain", "hostile"])
def test_the_commands_of_a_notice_ask_on_a_terminal_and_name_the_next_one_in_a_script(
    holding: Open,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    asked: ApprovalRequested,
    number: int,
) -> None:
    bus, command = holding(asked), commands_of(asked)[number]

    in_a_script = run(*command)
    assert (in_a_script.exit_code, signed(bus)) == (1, [])
    [look] = re.findall(r"`perdure (approvals show \S+)`", " ".join(in_a_script.output.split()))
    assert look.split()[-1] == command[1]
    run(*command, "--digest", asked.digest)
    assert signed(bus) == [asked.digest]

    bus = holding(asked)
    on_terminal(monkeypatch, "y", *command)
    assert "it as ada?" in capfd.readouterr().out
    assert signed(bus) == [asked.digest]


def commands_of(asked: ApprovalRequested) -> list[list[str]]:
    """Return the commands that the text of a notice and the message in Slack name, as a shell reads them."""
    notice = Notice(message=asked)
    slack = json.dumps(notice_blocks(notice, (), buttons=False))
    text = render(notice).joined() + "\n" + "\n".join(re.findall(r"Decide with: ([^\"\\]*)", slack))
    lines = [line.strip() for line in text.splitlines()]
    return [shlex.split(line)[1:] for line in lines if line.startswith("perdure ")]


def on_terminal(patch: pytest.MonkeyPatch, answer: str, *arguments: str) -> None:
    """Call the program with a person at the keyboard who gives this answer."""
    ours, theirs = pty.openpty()
    with patch.context() as now, os.fdopen(theirs, "r") as keyboard, os.fdopen(ours, "w") as fingers:
        fingers.write(f"{answer}\n")
        fingers.flush()
        now.setattr("sys.stdin", keyboard)
        now.setattr("sys.stdout.isatty", lambda: True, raising=False)
        with pytest.raises(SystemExit):
            app([*arguments, "--key", "ada.pem"])

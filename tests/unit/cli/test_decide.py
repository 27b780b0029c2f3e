"""Deciding approval requests on the command line: output and exit codes."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from perdure.approvers import SigningKey
from perdure.bus import MemoryBus, RawMessage
from perdure.bus.decision_client import DecisionClient, PublishedDecision
from perdure.cli.app import app
from perdure.contracts import Decision, Receipt, ReceiptCode
from perdure.contracts.runs import StuckRun
from perdure.errors import Unavailable
from tests.support.cli_bus import use_bus
from tests.support.notifier import request


@pytest.fixture
def bus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MemoryBus:
    """A bus with one open request, on which nobody judges decisions."""
    monkeypatch.chdir(tmp_path)
    SigningKey.new().write(tmp_path / "ada.pem")
    bus = MemoryBus()

    use_bus(monkeypatch, bus, "approvals.decide", holding=(request(),))
    monkeypatch.setattr("perdure.cli.approvals.decide._RECEIPT_WITHIN", 0.05)
    return bus


DIGEST = request().digest[:12]


def perdure(*arguments: str, digest: str = DIGEST) -> Result:
    return CliRunner().invoke(app, [*arguments, "--key", "ada.pem", "--digest", digest], catch_exceptions=False)


def decisions(bus: MemoryBus) -> list[Decision]:
    return [it for it in bus.published if isinstance(it, Decision)]


@pytest.mark.parametrize("command", [("approve", "w.1", "--comment"), ("reject", "w.1", "--reason")])
def test_a_comment_that_is_too_long_is_refused_and_not_published(bus: MemoryBus, command: tuple[str, ...]) -> None:
    result = perdure(*command, "c" * 16_385)

    assert result.exit_code == 2
    assert "at most 16,384 characters" in " ".join(result.output.split())
    assert decisions(bus) == []


def test_a_decision_that_is_stored_and_not_judged_yet_is_no_refusal(bus: MemoryBus) -> None:
    result = perdure("approve", "w.1")

    assert result.exit_code == 3
    assert "The decision is stored" in result.output
    assert "`perdure doctor`" in result.output
    assert len(decisions(bus)) == 1


def test_a_decision_on_a_stuck_run_says_so_at_once(bus: MemoryBus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perdure.cli.approvals.decide._RECEIPT_WITHIN", 30)
    stuck = StuckRun(
        workflow="W", workflow_id="w", run_id="r", error="KeyError: 'x' (orders.py:42)", since=datetime.now(UTC)
    )
    asyncio.run(bus.publish_raw(RawMessage(stuck.subject, stuck.model_dump_json().encode(), {})))

    result = perdure("approve", "w.1")

    assert result.exit_code == 3
    assert "the run w is stuck, it waits for mended code (KeyError: 'x' (orders.py:42))" in result.output
    assert len(decisions(bus)) == 1


def test_an_unreadable_approvers_file_is_named_as_the_reason_to_wait(
    bus: MemoryBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERDURE_APPROVALS__APPROVERS", "people.yaml")
    Path("people.yaml").write_text("approvers: [ada]")

    result = perdure("approve", "w.1")

    assert result.exit_code == 3
    assert "The approvers file people.yaml is wrong: approvers" in result.output
    assert len(decisions(bus)) == 1


@pytest.mark.parametrize(("code", "exit_code", "word"), [("accepted", 0, "Accepted"), ("duplicate", 1, "Refused")])
def test_the_receipt_determines_the_exit_code_and_the_line(
    bus: MemoryBus, monkeypatch: pytest.MonkeyPatch, code: ReceiptCode, exit_code: int, word: str
) -> None:
    async def receipt(_: DecisionClient, published: PublishedDecision, *, within: float) -> Receipt:
        about = {"request_id": published.decision.request_id, "decision_id": published.decision.message_id}
        return Receipt(**about, accepted=code == "accepted", code=code, reason=f"within {within} s")

    monkeypatch.setattr(DecisionClient, "receipt", receipt)

    result = perdure("approve", "w.1")

    assert (result.exit_code, result.stdout) == (exit_code, f"{word}: within 0.05 s\n")
    assert len(decisions(bus)) == 1


def test_a_bus_that_is_lost_after_the_decision_is_stored_leaves_it_stored(
    bus: MemoryBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unavailable(_: DecisionClient, published: PublishedDecision, *, within: float) -> Receipt:
        raise Unavailable(f"{published.place} waited {within}")

    monkeypatch.setattr(DecisionClient, "receipt", unavailable)

    assert perdure("approve", "w.1").exit_code == 3
    assert len(decisions(bus)) == 1

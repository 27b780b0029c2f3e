"""Answers by the command line: what it says, and how it ends."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from perdure.approvers import SigningKey
from perdure.bus import MemoryBus
from perdure.bus.decision_client import DecisionClient, PublishedDecision
from perdure.cli.app import app
from perdure.contracts import Decision, Receipt, ReceiptCode
from perdure.errors import Unavailable
from tests.support.notifier import request


@pytest.fixture
def bus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MemoryBus:
    """A bus on which one request waits, and nobody judges."""
    monkeypatch.chdir(tmp_path)
    SigningKey.new().write(tmp_path / "ada.pem")
    bus = MemoryBus()

    @asynccontextmanager
    async def opened() -> AsyncIterator[MemoryBus]:
        await bus.publish(request())
        yield bus

    monkeypatch.setattr("perdure.cli.decide.open_bus", opened)
    monkeypatch.setattr("perdure.cli.decide._RECEIPT_WITHIN", 0.05)
    return bus


def perdure(*arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments, "--key", "ada.pem"], catch_exceptions=False)


def decisions(bus: MemoryBus) -> list[Decision]:
    return [it for it in bus.published if isinstance(it, Decision)]


@pytest.mark.parametrize("command", [("approve", "w.1", "--comment"), ("reject", "w.1", "--reason")])
def test_a_comment_that_is_too_long_is_told_and_not_said(bus: MemoryBus, command: tuple[str, ...]) -> None:
    told = perdure(*command, "c" * 16_385)

    assert told.exit_code == 2
    assert "at most 16,384 characters" in " ".join(told.output.split())
    assert decisions(bus) == []


def test_what_is_stored_and_not_judged_yet_is_no_refusal(bus: MemoryBus) -> None:
    told = perdure("approve", "w.1")

    assert told.exit_code == 3
    assert "The decision is stored" in told.output
    assert "`perdure doctor`" in told.output
    assert len(decisions(bus)) == 1


def test_approvers_that_cannot_be_read_are_named_as_what_a_decision_waits_for(
    bus: MemoryBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERDURE_APPROVALS__APPROVERS", "people.yaml")
    Path("people.yaml").write_text("approvers: [ada]")

    told = perdure("approve", "w.1")

    assert told.exit_code == 3
    assert "The approvers file people.yaml is wrong: approvers" in told.output
    assert len(decisions(bus)) == 1


@pytest.mark.parametrize(("code", "ends"), [("accepted", 0), ("duplicate", 1)])
def test_a_receipt_says_how_it_ends(
    bus: MemoryBus, monkeypatch: pytest.MonkeyPatch, code: ReceiptCode, ends: int
) -> None:
    async def judged(_: DecisionClient, spoken: PublishedDecision, *, within: float) -> Receipt:
        about = {"request_id": spoken.decision.request_id, "decision_id": spoken.decision.message_id}
        return Receipt(**about, accepted=code == "accepted", code=code, reason=f"within {within} s")

    monkeypatch.setattr(DecisionClient, "receipt", judged)

    assert perdure("approve", "w.1").exit_code == ends
    assert len(decisions(bus)) == 1


def test_a_bus_that_goes_after_it_is_stored_leaves_it_stored(bus: MemoryBus, monkeypatch: pytest.MonkeyPatch) -> None:
    async def gone(_: DecisionClient, spoken: PublishedDecision, *, within: float) -> Receipt:
        raise Unavailable(f"{spoken.place} waited {within}")

    monkeypatch.setattr(DecisionClient, "receipt", gone)

    assert perdure("approve", "w.1").exit_code == 3
    assert len(decisions(bus)) == 1

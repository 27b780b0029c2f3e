"""A notifier whose channels do what a test says, at times that a test says."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from perdure.bus import Bus, KeyValue, MemoryKeyValue
from perdure.config.notifier import ChannelSettings, TerminalSettings
from perdure.contracts import Alert, ApprovalDecided, ApprovalRequested, Severity
from perdure_notifier.lease import Leases
from perdure_notifier.notice import Notice
from perdure_notifier.sender import ChannelSender

__all__ = ["NOON", "Clock", "Wall", "alert", "decided", "lane", "request"]

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)  # a Tuesday


@dataclass
class Clock:
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __call__(self) -> datetime:
        return self.now

    def passes(self, **time: float) -> None:
        self.now += timedelta(**time)


class Wall:
    """A channel that does at its nth try what its script says, and takes everything once that is over."""

    def __init__(self, name: str = "wall", *script: Exception) -> None:
        self.name = name
        self.told: list[list[str]] = []
        self.notices: list[Notice] = []
        self._script = list(script)

    async def send(self, notices: Sequence[Notice]) -> str:
        if self._script:
            raise self._script.pop(0)
        self.told.append([notice.key for notice in notices])
        self.notices += notices
        return "written"


def request(number: int = 1, *, severity: Severity = "normal", **more: Any) -> ApprovalRequested:
    return ApprovalRequested(
        **{
            "workflow": "Payment",
            "workflow_id": "w",
            "run_id": "r",
            "request_id": f"w.{number}",
            "title": f"Pay {number}?",
            "digest": "a" * 64,
            "opened_at": NOON,
            "severity": severity,
            **more,
        }
    )


def alert(**more: Any) -> Alert:
    said = {
        "workflow": "Payment",
        "workflow_id": "w",
        "run_id": "r",
        "number": 1,
        "title": "It broke",
        "raised_at": NOON,
    }
    return Alert(**{**said, **more})


def decided(number: int = 1) -> ApprovalDecided:
    return ApprovalDecided(
        workflow="Payment",
        workflow_id="w",
        run_id="r",
        request_id=f"w.{number}",
        decision="approve",
        decision_id="d",
        approver="ada",
        comment="Fine.",
        decided_at=NOON,
    )


def lane(  # noqa: PLR0913 (all of it may matter to a test)
    bus: Bus,
    channel: Any,
    *,
    clock: Clock | None = None,
    entries: KeyValue | None = None,
    holder: str = "here",
    fallback: Sequence[str] = (),
    **settings: Any,
) -> ChannelSender:
    said = ChannelSettings.model_validate({"terminal": TerminalSettings(), **settings})
    turns = Leases(entries or MemoryKeyValue(), holder)
    return ChannelSender(channel, said, bus=bus, turns=turns, fallback=fallback, clock=clock or Clock())

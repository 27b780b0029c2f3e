"""Notifier senders with scripted channels and a clock that a test sets, and messages to send."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from perdure.bus import Bus, KeyValue, MemoryKeyValue
from perdure.config.channels import ChannelSettings, TerminalSettings
from perdure.contracts import Alert, ApprovalDecided, ApprovalRequested, Severity, request_digest
from perdure_notifier.lease import channel_leases
from perdure_notifier.notice import Notice
from perdure_notifier.outbox import Outbox
from perdure_notifier.sender import ChannelSender

__all__ = ["NOON", "Clock", "ScriptedChannel", "alert", "decided", "request", "sender"]

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)  # a Tuesday


@dataclass
class Clock:
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __call__(self) -> datetime:
        return self.now

    def passes(self, **time: float) -> None:
        self.now += timedelta(**time)


class ScriptedChannel:
    """A channel that raises the errors of its script, one an attempt, and then sends everything.

    Attributes:
        sent: The keys of the notices of each attempt that succeeded.
        notices: All notices that were sent.
        takes: Called at each attempt, which may let time pass.
    """

    def __init__(self, name: str = "desk", *script: Exception) -> None:
        self.name = name
        self.sent: list[list[str]] = []
        self.notices: list[Notice] = []
        self.takes: Callable[[], None] = lambda: None
        self._script = list(script)

    def fails(self, error: Exception) -> None:
        """Raise this at the next attempt."""
        self._script.append(error)

    async def send(self, notices: Sequence[Notice]) -> str:
        self.takes()
        if self._script:
            raise self._script.pop(0)
        self.sent.append([notice.key for notice in notices])
        self.notices += notices
        return "done"


def request(number: int = 1, *, severity: Severity = "normal", **more: Any) -> ApprovalRequested:
    """Return a request whose digest is that of what it shows, unless the test names another one."""
    made = ApprovalRequested(
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
    if "digest" in more:
        return made
    try:
        return made.model_copy(update={"digest": request_digest(made)})
    except UnicodeEncodeError:  # a surrogate has no form in RFC 8785
        return made


def alert(**more: Any) -> Alert:
    fields = {
        "workflow": "Payment",
        "workflow_id": "w",
        "run_id": "r",
        "number": 1,
        "title": "It broke",
        "raised_at": NOON,
    }
    return Alert(**{**fields, **more})


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


def sender(  # noqa: PLR0913 (a test may set any of them)
    bus: Bus,
    channel: Any,
    *,
    clock: Clock | None = None,
    entries: KeyValue | None = None,
    holder: str = "here",
    fallback: Sequence[str] = (),
    **settings: Any,
) -> ChannelSender:
    parsed = ChannelSettings.model_validate({"terminal": TerminalSettings(), **settings})
    entries = entries or MemoryKeyValue()
    ports: dict[str, Any] = {"bus": bus, "outbox": Outbox(bus, entries), "leases": channel_leases(entries, holder)}
    return ChannelSender(channel, parsed, **ports, fallback=fallback, clock=clock or Clock())

"""A delivery without a server, for tests of handlers and their settlement."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from perdure.bus import RawMessage, StoredMessage


@dataclass
class Delivered:
    """A delivery that records its settlement: ``ack``, ``nak`` or ``term``."""

    deliveries: int = 1
    settled: list[str] = field(default_factory=list)
    message: StoredMessage = field(
        default_factory=lambda: StoredMessage(
            RawMessage("events.a", b"\xff{", {"h": "v"}), "EVENTS", 7, datetime(2026, 11, 23, tzinfo=UTC), pending=0
        )
    )

    async def ack(self) -> None:
        self.settled.append("ack")

    async def nak(self, delay: float) -> None:
        assert delay > 0
        self.settled.append("nak")

    async def term(self) -> None:
        self.settled.append("term")

"""Who says what to whom, by stream: the table "Words on the wire" of the design."""

from typing import Final

from perdure.bus.topology import CONSUMERS

__all__ = ["SAID_BY", "listeners"]

SAID_BY: Final[dict[str, tuple[str, ...]]] = {
    "EVENTS": (),
    "COMMANDS": ("ingest",),
    "PROGRESS": ("orchestrator",),
    "APPROVALS": ("orchestrator",),
    "ALERTS": ("orchestrator",),
    "DECISIONS": (),
    "SIGNALS": (),
    "RECEIPTS": ("orchestrator",),
    "NOTIFICATIONS": ("notifier",),
    "DLQ": ("audit", "ingest", "notifier", "orchestrator"),
}
"""The services that say what a stream keeps; none where it is others that speak: users' programs and bots."""


def listeners(stream: str) -> tuple[str, ...]:
    """Return the services that hear a stream."""
    return tuple(sorted(consumer.service for consumer in CONSUMERS if consumer.stream == stream))

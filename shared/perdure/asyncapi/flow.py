"""The services that publish to and subscribe to each stream."""

from typing import Final

from perdure.bus.topology import CONSUMERS

__all__ = ["CLIENTS", "PUBLISHERS", "subscribers"]

PUBLISHERS: Final[dict[str, tuple[str, ...]]] = {
    "EVENTS": (),
    "VERDICTS": ("ingest",),
    "COMMANDS": ("ingest",),
    "PROGRESS": ("orchestrator",),
    "APPROVALS": ("orchestrator",),
    "ALERTS": ("audit", "orchestrator"),
    "DECISIONS": (),
    "SIGNALS": (),
    "RECEIPTS": ("orchestrator",),
    "NOTIFICATIONS": ("notifier",),
    "ADMIN": ("orchestrator",),
    "CHECKPOINTS": ("audit",),
    "DLQ": ("audit", "ingest", "notifier", "orchestrator"),
}
"""The services that publish to each stream; empty where only users' programs and bots do."""


CLIENTS: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "bot": {
        "send": ("DECISIONS",),
        "receive": ("ALERTS", "APPROVALS", "CHECKPOINTS", "PROGRESS", "RECEIPTS", "VERDICTS"),
    },
    "console": {"send": ("ADMIN", "DECISIONS", "EVENTS", "SIGNALS"), "receive": ()},
    "operator": {"send": ("SIGNALS",), "receive": ("CHECKPOINTS",)},
    "publisher": {"send": ("EVENTS",), "receive": ()},
}
"""The streams to which roles of users' programs send, and from which they receive. The operator may do more."""


def subscribers(stream: str) -> tuple[str, ...]:
    """Return the services that have a consumer on a stream."""
    return tuple(sorted(consumer.service for consumer in CONSUMERS if consumer.stream == stream))

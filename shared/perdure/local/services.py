"""The services of a suite, and the names of their processes."""

from typing import Final

__all__ = ["MANY", "SERVICES", "service_of"]

SERVICES: Final = ("audit", "notifier", "orchestrator", "ingest")
"""The services in start order; they stop in reverse, ingest first."""

MANY: Final = ("notifier", "orchestrator", "ingest")
"""The services that may run as several processes; two of audit would write the same SQLite file."""


def service_of(name: str) -> str:
    """Return the service of a process: ``ingest`` for ``ingest-2``."""
    return name.split("-", maxsplit=1)[0]

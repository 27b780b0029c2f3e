"""The services of a suite, and the names of their processes."""

from importlib.util import find_spec
from typing import Final

__all__ = ["CONSOLE", "MANY", "ORCHESTRATOR", "SERVICES", "base_of", "has_console", "of_build", "service_of"]

ORCHESTRATOR: Final = "orchestrator"
"""The service that runs the user's code: of each version that has open runs, there are processes."""

SERVICES: Final = ("audit", "notifier", ORCHESTRATOR, "ingest")
"""The services in start order; they stop in reverse, ingest first."""

CONSOLE: Final = "console"
"""The service that serves pages to people: it is optional, and nothing waits for it."""

_PARTS_OF_CONSOLE: Final = ("jinja2", "sse_starlette", "starlette", "uvicorn")

MANY: Final = ("notifier", ORCHESTRATOR, "ingest")
"""The services that may run as several processes; two of audit would write the same SQLite file."""

_OF: Final = "@"


def has_console() -> bool:
    """Return whether what the console needs is installed."""
    return all(find_spec(part) is not None for part in _PARTS_OF_CONSOLE)


def service_of(name: str) -> str:
    """Return the service of a process: ``ingest`` for ``ingest-2``."""
    return base_of(name).split("-", maxsplit=1)[0]


def of_build(name: str, build: str) -> str:
    """Return the name of a process beside the one that runs the newest code: ``orchestrator@1f2e3d``."""
    return f"{name}{_OF}{build}"


def base_of(name: str) -> str:
    """Return the name of a process without its build."""
    return name.partition(_OF)[0]

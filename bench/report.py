"""What a benchmark found, for people and as JSON for machines, with what was wanted of it."""

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from rich.console import Console

__all__ = ["Found", "Report", "at_least", "at_most", "median", "tell"]

_aside: Final = Console(stderr=True)


class Found(Protocol):
    """What one part of the benchmark found."""

    def summary(self) -> dict[str, Any]:
        """Return it for machines."""

    def show(self, console: Console) -> None:
        """Print it for people."""


@dataclass(frozen=True, slots=True)
class Report:
    """All that was measured, by part."""

    parts: Mapping[str, Found]

    def as_json(self) -> str:
        """Return the summary of every part."""
        return json.dumps({name: part.summary() for name, part in self.parts.items()}, indent=2)

    def show(self, console: Console) -> None:
        """Print every part."""
        for part in self.parts.values():
            part.show(console)


def at_most(ratio: float, aim: float | None) -> str:
    """Return a ratio for people; green is one that is small enough."""
    return f"{ratio:.2f}" if aim is None else _coloured(ratio, f"(aim ≤ {aim})", reached=ratio <= aim)


def at_least(ratio: float, aim: float | None) -> str:
    """Return a ratio for people; green is one that is large enough."""
    return f"{ratio:.2f}" if aim is None else _coloured(ratio, f"(aim ≥ {aim})", reached=ratio >= aim)


def median(values: Sequence[float]) -> float:
    """Return the middle value, short enough to read."""
    return round(statistics.median(values), 3)


def tell(what: str) -> None:
    """Say what is being measured; it is no part of the report."""
    _aside.print(f"[dim]{what}[/]", highlight=False)


def _coloured(ratio: float, aim: str, *, reached: bool) -> str:
    return f"[{'green' if reached else 'red'}]{ratio:.2f}[/] {aim}"

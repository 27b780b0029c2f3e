"""How long the audit store takes to find records among many, by each form of a query."""

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from bench.recorded_rows import BEGAN, STEP, fill
from bench.report import median, tell
from perdure.config.settings import Settings
from perdure.contracts.audit import AuditRecordsQuery
from perdure_audit.store import Store, open_store

__all__ = ["Records", "measure_records", "queries_among"]

_TIMES: Final = 5


@dataclass(frozen=True, slots=True)
class Records:
    """Medians by the form of the query.

    Attributes:
        records: How many there are.
        took_ms: Milliseconds.
    """

    records: int
    took_ms: Mapping[str, float]

    def summary(self) -> dict[str, Any]:
        """Return all figures."""
        return asdict(self)

    def show(self, console: Console) -> None:
        """Print a table."""
        table = Table("", "p50", title=f"{self.records:,} records")
        for name, took in self.took_ms.items():
            table.add_row(name, f"{took:.1f} ms")
        console.print(table)


async def measure_records(folder: Path, count: int) -> Records:
    """Make so many records, then find some."""
    tell(f"records: {count:,} are made")
    async with open_store(Settings(state=folder)) as store:
        await fill(store.engine, count)
        return await find_in(store, count)


async def find_in(store: Store, count: int) -> Records:
    """Find records among so many."""
    took = {}
    for name, query in queries_among(count).items():
        tell(f"records: {name}")
        took[name] = await _median_ms(store, query)
    began = time.perf_counter()
    await store.count()
    took["count"] = (time.perf_counter() - began) * 1_000
    return Records(count, took)


def queries_among(count: int) -> dict[str, AuditRecordsQuery]:
    """Return a query of each form, whose records lie in the middle of so many."""
    run, middle = f"Order~e{count // 16}", BEGAN + STEP * (count // 2)
    request = f"Order~e{count // 16000 * 1000}%2E1"
    forms: dict[str, dict[str, Any]] = {
        "newest": {},
        "newest 500": {"limit": 500},
        "time": {"since": middle, "until": middle + STEP * 1000},
        "until": {"until": middle},
        "run": {"run": run},
        "event": {"event": f"e{count // 16}"},
        "place": {"event": "EVENTS.4"},
        "request": {"request": request},
        "key": {"key": "tenant-7"},
        "rare state": {"kinds": ("failed",)},
        "open": {"kinds": ("started", "step_started", "step_completed", "note")},
        "stream": {"stream": "DECISIONS", "until": middle},
        "workflow, none": {"tokens": ("Refund",)},
        "subject, none": {"subject": "refund"},
        "state and workflow, none": {"kinds": ("completed",), "tokens": ("Refund",)},
        "before": {"before": count // 2},
        "after": {"after": count - 1000, "limit": 500},
        "after, none": {"after": count // 2, "run": "Order~none"},
    }
    return {name: AuditRecordsQuery(**form) for name, form in forms.items()}


async def _median_ms(store: Store, query: AuditRecordsQuery) -> float:
    took = []
    for _ in range(_TIMES):
        began = time.perf_counter()
        await store.find(query)
        took.append((time.perf_counter() - began) * 1_000)
    return median(took)

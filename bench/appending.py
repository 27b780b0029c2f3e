"""What it costs to record a message: time, CPU of the audit and bytes, on SQLite and on PostgreSQL."""

import json
import os
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from sqlalchemy import text

from bench.report import tell
from perdure.bus import RawMessage, StoredMessage
from perdure.config.settings import Settings
from perdure_audit.store import Store, open_store
from tests.support.postgres import postgres

__all__ = ["Appending", "measure_appending"]

_BATCH: Final = 256  # messages of a transaction: so many are delivered at once
_BEGAN: Final = datetime(2026, 11, 30, tzinfo=UTC)
_SIZE: Final = "SELECT pg_database_size(current_database())"


@dataclass(frozen=True, slots=True)
class Cost:
    """What was measured on one database.

    Attributes:
        messages_s: Messages a second on the clock.
        messages_s_a_core: Messages a second of CPU of the audit; the server's own is not in it.
        bytes_a_message: Of the database's files, with indexes.
    """

    messages_s: float
    messages_s_a_core: float
    bytes_a_message: float


@dataclass(frozen=True, slots=True)
class Appending:
    """Costs by database.

    Attributes:
        messages: How many were recorded on each.
        body_bytes: Of a message.
        load: Processes that ran or waited on the machine in the last minute, at the end.
        costs: By name of the database.
    """

    messages: int
    body_bytes: int
    load: float
    costs: Mapping[str, Cost]

    def summary(self) -> dict[str, Any]:
        """Return all figures."""
        return asdict(self)

    def show(self, console: Console) -> None:
        """Print a table."""
        title = f"{self.messages:,} messages of {self.body_bytes} bytes, {_BATCH} a transaction, load {self.load:.1f}"
        table = Table("", "messages/s", "messages/s of CPU", "bytes a message", title=title)
        for name, cost in self.costs.items():
            figures = (cost.messages_s, cost.messages_s_a_core, cost.bytes_a_message)
            table.add_row(name, *(f"{it:,.0f}" for it in figures))
        console.print(table)


async def measure_appending(folder: Path, count: int) -> Appending:
    """Record so many messages on each database."""
    costs = {}
    tell(f"appending: {count:,} messages on SQLite")
    async with open_store(Settings(state=folder)) as store:
        costs["sqlite"] = await _append(store, count)
    tell(f"appending: {count:,} messages on PostgreSQL")
    with postgres() as server:
        database = await server.new_database(durable=True)
        settings = Settings.model_validate({"state": folder, "audit": {"database": database}})
        async with open_store(settings) as store:
            costs["postgresql"] = await _append(store, count)
    return Appending(count, len(_message(0).raw.body), os.getloadavg()[0], costs)


async def _append(store: Store, count: int) -> Cost:
    before, took, spent = await _bytes(store), 0.0, 0.0
    for first in range(0, count, _BATCH):
        batch = [_message(number) for number in range(first, min(first + _BATCH, count))]
        began, began_cpu = time.perf_counter(), time.process_time()
        await store.add(batch)
        took += time.perf_counter() - began
        spent += time.process_time() - began_cpu
    return Cost(count / took, count / spent, (await _bytes(store) - before) / count)


async def _bytes(store: Store) -> int:
    """Return the size of the database, without what waits to be moved into it."""
    async with store.engine.connect() as connection:
        if store.engine.dialect.name == "postgresql":
            return int((await connection.execute(text(_SIZE))).scalar_one())
        pages = (await connection.execute(text("PRAGMA page_count"))).scalar_one()
        return int(pages * (await connection.execute(text("PRAGMA page_size"))).scalar_one())


def _message(number: int) -> StoredMessage:
    """Return a message like those that the orchestrator publishes: eight facts a run."""
    event, position = divmod(number, 8)
    run = f"Order~e{event}"
    headers = {
        "Nats-Msg-Id": f"{run}.{position}",
        "ce-id": f"{run}.{position}",
        "ce-source": "perdure/orchestrator",
        "ce-specversion": "1.0",
        "ce-type": "progress",
        "ce-time": "2026-11-30T00:00:00Z",
        "content-type": "application/json",
        "traceparent": f"00-{number:032x}-{number:016x}-01",
        "perdure-schema": "2",
    }
    fact = {"workflow": "Order", "workflow_id": run, "run_id": f"r{event}", "sequence": position + 1}
    body = {"type": "progress", **fact, "kind": "step_completed", "step": "charge", "event_id": f"e{event}"}
    raw = RawMessage(f"progress.Order.{run}", json.dumps({**body, "result": "x" * 120}).encode(), headers)
    return StoredMessage(raw, "PROGRESS", number + 1, _BEGAN + timedelta(milliseconds=number), pending=0)

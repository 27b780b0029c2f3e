"""Fills an empty audit store with so many records, by the database itself: without bodies that anybody has published.

Eight records a run, as ingest and the orchestrator make them; one run in a thousand asks for an approval, one in
12,500 fails. Only the last leaf is there: what is measured on it finds records, and proves none.
"""

from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

__all__ = ["BEGAN", "STEP", "fill"]

BEGAN: Final = datetime(2026, 1, 1, tzinfo=UTC)
STEP: Final = timedelta(milliseconds=100)  # between two records

_AT_ONCE: Final = 500_000
_SERIES: Final = {
    "sqlite": "(WITH RECURSIVE s(i) AS (SELECT :first UNION ALL SELECT i + 1 FROM s WHERE i < :last) SELECT i FROM s)",
    "postgresql": "generate_series(cast(:first AS bigint), :last) AS s(i)",
}
_TIME: Final = {
    "sqlite": f"strftime('%Y-%m-%d %H:%M:%f000', {BEGAN.timestamp()} + i / 10.0, 'unixepoch')",
    "postgresql": f"to_timestamp({BEGAN.timestamp()} + i / 10.0)",
}
_BODY: Final = {"sqlite": "zeroblob(250)", "postgresql": "decode(repeat('00', 250), 'hex')"}
_SALT: Final = {"sqlite": "zeroblob(32)", "postgresql": "decode(repeat('00', 32), 'hex')"}
_ROWS: Final = """
INSERT INTO records (position, stream, sequence, subject, said_at, heard_at, event, run, request, flow_key, kind,
                     headers, body, leaf, salt)
SELECT i, CASE i % 8 WHEN 0 THEN 'EVENTS' WHEN 1 THEN 'VERDICTS' WHEN 2 THEN 'COMMANDS'
          ELSE CASE WHEN i % 8000 = 5 THEN 'DECISIONS' ELSE 'PROGRESS' END END,
       i, CASE i % 8 WHEN 0 THEN 'events.ordered' WHEN 1 THEN 'verdicts.ordered' WHEN 2 THEN 'commands.start.Order'
          ELSE CASE WHEN i % 8000 = 5 THEN 'decisions.Order~e' || (i / 8)
               ELSE 'progress.Order.Order~e' || (i / 8) END END,
       {time}, {time}, 'e' || (i / 8), CASE WHEN i % 8 > 1 THEN 'Order~e' || (i / 8) END,
       CASE WHEN i % 8000 = 5 THEN 'Order~e' || (i / 8) || '%2E1' END,
       CASE WHEN i % 8 > 1 THEN 'tenant-' || (i / 8 % 1000) END,
       CASE i % 8 WHEN 3 THEN 'started' WHEN 4 THEN 'step_started' WHEN 5 THEN 'step_completed' WHEN 6 THEN 'note'
          WHEN 7 THEN CASE WHEN i % 100000 = 7 THEN 'failed' ELSE 'completed' END END,
       '{{"Nats-Msg-Id": "e' || (i / 8) || '", "ce-type": "progress", "ce-source": "perdure/orchestrator"}}',
       {body}, i - 1, {salt}
FROM {series}
"""
_INDEXES: Final = {
    "sqlite": "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = 'records' AND sql IS NOT NULL",
    "postgresql": "SELECT indexname, indexdef FROM pg_indexes WHERE indexname LIKE 'ix_records%'",
}


async def fill(engine: AsyncEngine, count: int) -> None:
    """Add so many records to an empty store, and make its indexes anew after that."""
    name = engine.dialect.name
    rows = text(_ROWS.format(time=_TIME[name], body=_BODY[name], salt=_SALT[name], series=_SERIES[name]))
    async with engine.begin() as connection:
        indexes = (await connection.execute(text(_INDEXES[name]))).all()
        for index, _ in indexes:
            await connection.execute(text(f"DROP INDEX {index}"))
    for first in range(1, count + 1, _AT_ONCE):
        async with engine.begin() as connection:
            await connection.execute(rows, {"first": first, "last": min(first + _AT_ONCE - 1, count)})
    async with engine.begin() as connection:
        for _, definition in indexes:
            await connection.execute(text(definition))
        entry = {"leaf": count - 1, "entry": b"{}"}
        await connection.execute(text("INSERT INTO leaves (leaf, entry) VALUES (:leaf, :entry)"), entry)
    if name == "postgresql":
        async with engine.begin() as connection:
            await connection.execute(text("ANALYZE"))

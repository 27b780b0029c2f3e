"""On PostgreSQL the service runs under a role that can only insert and read, as docs/operating.md grants it.

One right more lets it erase, and change nothing that a leaf vouches for without that being found.
"""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import make_url, text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.ext.asyncio import create_async_engine

from perdure.bus import MemoryBus, RawMessage, StoredMessage
from perdure.config.settings import Settings
from perdure.contracts import Erasure
from perdure.contracts.audit import AuditRecordsQuery
from perdure.values.run_id import place_of
from perdure_audit.checkpoints import Checkpoints
from perdure_audit.erasing import RecordEraser
from perdure_audit.ledger_keys import LedgerKeys
from perdure_audit.store import open_store
from tests.support.postgres import Postgres

DOCS = Path(__file__).parents[3] / "docs" / "operating.md"
BEGAN = datetime(2026, 11, 30, tzinfo=UTC)


async def granted(server: Postgres, state: Path, *, may_erase: bool = False) -> Settings:
    """Return settings of a database that one role made, for another one."""
    url = await server.new_database()
    name, recorder = str(make_url(url).database), f"recorder_{make_url(url).database}"
    async with open_store(Settings.model_validate({"state": state, "audit": {"database": url}})):
        pass
    grants = re.findall(r"^GRANT .*;$", DOCS.read_text(encoding="utf-8"), re.MULTILINE)
    assert sum("UPDATE" in grant for grant in grants) == 1
    grants = [grant for grant in grants if may_erase or "UPDATE" not in grant]
    engine = create_async_engine(url)
    async with engine.begin() as connection:
        await connection.execute(text(f"CREATE ROLE {recorder} LOGIN"))
        for grant in grants:
            await connection.execute(
                text(grant.replace("DATABASE audit", f"DATABASE {name}").replace("recorder", recorder))
            )
    await engine.dispose()
    return Settings.model_validate({"state": state, "audit": {"database": server.url(name, recorder)}})


async def test_the_service_needs_no_right_to_change_or_delete(postgres_server: Postgres, tmp_path: Path) -> None:
    settings, bus = await granted(postgres_server, tmp_path), MemoryBus()
    messages = [StoredMessage(RawMessage("events.a", b"{}", {}), "EVENTS", it, BEGAN, 0) for it in range(1, 600)]
    keys = LedgerKeys(settings.ledger_key, settings.audit.ledger)
    async with open_store(settings) as store:
        await store.add(messages)
        await store.add(messages[-2:])
        signing = Checkpoints(store.engine, settings.audit.ledger, keys, bus)
        await signing.sign()
        await keys.rotate(store.writer)
        await signing.sign()
        found = await store.find(AuditRecordsQuery(limit=1, stream="EVENTS"))
        for statement in (
            "UPDATE records SET body = ''",
            "DELETE FROM records",
            "DELETE FROM leaves",
            "DROP TABLE tiles",
        ):
            with pytest.raises(ProgrammingError, match=r"permission denied|must be owner"):
                async with store.engine.begin() as connection:
                    await connection.execute(text(statement))

        assert await store.count() == 600
    assert signing.refusal == ""
    assert [it.sequence for it in found.records] == [599]
    assert len([it async for it in bus.read("checkpoints.perdure")]) == 2


async def order_of(bus: MemoryBus, leaf: int) -> int:
    place = place_of("EVENTS", leaf + 1, BEGAN)
    fields = {"places": (place,), "leaves": (leaf,), "act": "ordered", "id": "e", "by": "ada", "why": "asked"}
    return await bus.publish(Erasure.model_validate({**fields, "at": BEGAN}))


async def test_a_role_that_only_inserts_cannot_erase(postgres_server: Postgres, tmp_path: Path) -> None:
    settings, bus = await granted(postgres_server, tmp_path), MemoryBus()
    async with open_store(settings) as store:
        await store.add([StoredMessage(RawMessage("events.a", b"{}", {}), "EVENTS", 1, BEGAN, 0)])

        with pytest.raises(ProgrammingError, match="permission denied"):
            await RecordEraser(store, bus).erase(await order_of(bus, 0))

        (record,) = (await store.find(AuditRecordsQuery())).records
    assert (record.erased, record.body) == (False, b"{}")


async def test_the_right_to_change_four_columns_erases_and_reaches_no_leaf(
    postgres_server: Postgres, tmp_path: Path
) -> None:
    settings, bus = await granted(postgres_server, tmp_path, may_erase=True), MemoryBus()
    messages = [
        StoredMessage(RawMessage("events.a", b"secret", {"of": "Ada"}), "EVENTS", it, BEGAN, 0) for it in range(1, 300)
    ]
    async with open_store(settings) as store:
        await store.add(messages)

        reply = await RecordEraser(store, bus).erase(await order_of(bus, 7))

        assert (reply.erased, reply.problem) == (1, "")
        found = (await store.find(AuditRecordsQuery(after=7, limit=1))).records[0]
        assert (found.sequence, found.erased, found.body, found.headers) == (8, True, b"", {})
        for statement in (
            "UPDATE leaves SET entry = ''",
            "DELETE FROM leaves",
            "UPDATE tiles SET hashes = ''",
            "DELETE FROM tiles",
            "UPDATE records SET leaf = 0",
            "UPDATE records SET subject = ''",
            "UPDATE records SET sequence = 0",
            "UPDATE records SET said_at = now()",
            "DELETE FROM records",
        ):
            with pytest.raises(ProgrammingError, match="permission denied"):
                async with store.engine.begin() as connection:
                    await connection.execute(text(statement))

"""Erases the content of records: what an order on ADMIN names, and nothing else."""

from sqlalchemy import bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from perdure.bus import Bus, RawMessage
from perdure.bus.views.erasures import erasure_at
from perdure.contracts.audit import AuditRecord
from perdure.contracts.erasures import EraseRecordsReply, EraseRecordsRequest
from perdure.ledger.entries import shown_headers
from perdure.values.run_id import place_of
from perdure_audit.records import records
from perdure_audit.store import Store, record_of
from perdure_audit.transactions import WRITES, overwrite

__all__ = ["RecordEraser"]


class RecordEraser:
    """Takes body, salt and the headers that no leaf shows out of records; their leaves stand.

    Args:
        store: The record.
        bus: Where the orders are.
    """

    def __init__(self, store: Store, bus: Bus) -> None:
        self._engine: AsyncEngine = store.engine
        self._bus = bus

    async def answer(self, request: RawMessage) -> bytes:
        """Answer an ``EraseRecordsRequest`` with an ``EraseRecordsReply``, both in JSON."""
        order = EraseRecordsRequest.model_validate_json(request.body).order
        return (await self.erase(order)).model_dump_json().encode()

    async def erase(self, order: int) -> EraseRecordsReply:
        """Erase what an order names, all of it or nothing; done again, it changes nothing.

        Args:
            order: Its sequence in ADMIN.

        Raises:
            Unavailable: The bus does not answer.
            sqlalchemy.exc.SQLAlchemyError: The database cannot be written.
        """
        ordered = await erasure_at(self._bus, order)
        if ordered is None:
            return EraseRecordsReply(problem=f"Message {order} of ADMIN orders no erasure.")
        wanted = dict(zip(ordered.leaves, ordered.places, strict=False))
        async with self._engine.execution_options(**{WRITES: True}).begin() as connection:
            rows = await connection.execute(select(records).where(records.c.leaf.in_(wanted)))
            found = {row["leaf"]: record_of(row) for row in rows.mappings()}
            if wrong := sorted(leaf for leaf, place in wanted.items() if not _is_at(found.get(leaf), place)):
                return EraseRecordsReply(problem=f"The record of leaf {wrong[0]} is not that of {wanted[wrong[0]]}.")
            kept = [
                {"its_leaf": leaf, "its_headers": shown_headers(it.headers)}
                for leaf, it in found.items()
                if not it.erased
            ]
            if kept:
                empty = update(records).where(records.c.leaf == bindparam("its_leaf"))
                values = empty.values(body=b"", salt=None, flow_key=None, headers=bindparam("its_headers"))
                await connection.execute(values, kept)
        await overwrite(self._engine)
        return EraseRecordsReply(erased=len(kept))


def _is_at(record: AuditRecord | None, place: str) -> bool:
    return (
        record is not None
        and record.stream != "ADMIN"
        and place_of(record.stream, record.sequence, record.stored_at) == place
    )

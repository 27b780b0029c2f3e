"""Hears every stream and answers questions about what was heard."""

from perdure.bus.app import Answers, App, Batches
from perdure.bus.topology import STREAMS
from perdure.contracts.audit import AUDIT_RECORDS, AuditRecordsFound, AuditRecordsQuery
from perdure_audit.store import Store

__all__ = ["create_app"]


def create_app(store: Store) -> App:
    """Build the service; nothing connects until it is heard."""

    async def records(question: bytes) -> bytes:
        query = AuditRecordsQuery.model_validate_json(question)
        found = AuditRecordsFound(total=await store.count(), records=await store.find(query))
        return found.model_dump_json().encode()

    return App(
        "audit",
        hears=[Batches(stream, store.add) for stream in STREAMS],
        answers=[Answers(AUDIT_RECORDS, records)],
    )

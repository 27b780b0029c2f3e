"""Hears every stream and answers questions about what was heard."""

from typing import Final

from perdure.bus.app import Answers, App, Hears
from perdure.bus.topology import STREAMS
from perdure.contracts.audit import AUDIT_RECORDS, AuditRecordsFound, AuditRecordsQuery
from perdure_audit.recorder import Recorder
from perdure_audit.store import Store

__all__ = ["create_app"]

_AT_ONCE: Final = 256  # messages of a stream in hand: the more, the fewer transactions


def create_app(store: Store) -> App:
    """Build the service; nothing connects until it is heard."""
    recorder = Recorder(store)

    async def records(question: bytes) -> bytes:
        query = AuditRecordsQuery.model_validate_json(question)
        found = AuditRecordsFound(total=await store.count(), records=await store.find(query))
        return found.model_dump_json().encode()

    return App(
        "audit",
        hears=[Hears(stream, recorder.record, at_once=_AT_ONCE, in_groups=True, traced=False) for stream in STREAMS],
        answers=[Answers(AUDIT_RECORDS, records)],
    )

"""Hears every stream, answers questions about what was heard, and says what would be given up in silence."""

from typing import Final

from perdure.bus import Bus, StoredMessage
from perdure.bus.app import App, Responder, Subscription
from perdure.bus.topology import STREAMS
from perdure.contracts.audit import AUDIT_RECORDS, AuditRecordsFound, AuditRecordsQuery
from perdure_audit.advisories import Advisories
from perdure_audit.recorder import Recorder
from perdure_audit.store import Store

__all__ = ["create_app"]

_AT_ONCE: Final = 256  # messages of a stream in hand: the more, the fewer transactions


def create_app(store: Store, bus: Bus) -> App:
    """Build the service; nothing connects until it is heard."""
    recorder, given_up = Recorder(store), Advisories(bus)

    async def advisory(heard: StoredMessage) -> None:
        await recorder.record(heard)
        await given_up.handle(heard)

    async def records(question: bytes) -> bytes:
        query = AuditRecordsQuery.model_validate_json(question)
        found = AuditRecordsFound(total=await store.count(), records=await store.find(query))
        return found.model_dump_json().encode()

    return App(
        "audit",
        subscriptions=[
            Subscription(
                stream,
                advisory if stream == "ADVISORIES" else recorder.record,
                concurrency=_AT_ONCE,
                fetch_in_batches=True,
                traced=False,
            )
            for stream in STREAMS
        ],
        responders=[Responder(AUDIT_RECORDS, records)],
    )

"""The audit app: records every stream, answers queries, and dead-letters what JetStream no longer delivers."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from perdure.bus import Bus, RawMessage, StoredMessage
from perdure.bus.app import App, Responder, Subscription
from perdure.bus.topology import STREAMS
from perdure.contracts.audit import AUDIT_RECORDS, ROTATE_LEDGER_KEY, AuditRecordsFound, AuditRecordsQuery
from perdure.contracts.audit_proofs import AUDIT_PROOFS
from perdure.contracts.erasures import ERASE_RECORDS, FIND_ERASABLE
from perdure_audit.advisories import Advisories
from perdure_audit.erasable import ErasableRecords
from perdure_audit.erasing import RecordEraser
from perdure_audit.gaps import Gaps
from perdure_audit.key_rotation import rotates
from perdure_audit.ledger_keys import LedgerKeys
from perdure_audit.proofs import Proofs
from perdure_audit.recorder import Recorder
from perdure_audit.store import Store

__all__ = ["create_app"]

_CONCURRENCY: Final = 256  # messages of a stream at once: the more, the fewer transactions


def create_app(store: Store, bus: Bus, keys: LedgerKeys, highest: Mapping[str, int] = MappingProxyType({})) -> App:
    """Build the service; nothing connects until the app is run.

    Args:
        store: Where messages are recorded.
        bus: Where they come from.
        keys: The keys of the ledger.
        highest: The highest recorded sequence of each stream, by name.
    """
    recorder, advisories = Recorder(store), Advisories(bus)
    gaps = Gaps(recorder, store, bus, highest)

    async def record(message: StoredMessage) -> None:
        await gaps.declare_before(message)
        await recorder.record(message)

    async def record_advisory(message: StoredMessage) -> None:
        await recorder.record(message)
        await advisories.handle(message)

    async def find_records(request: RawMessage) -> bytes:
        query = AuditRecordsQuery.model_validate_json(request.body)
        filters = tuple(AuditRecordsQuery.model_fields)
        found, total = await store.find(query), await store.count()
        reply = AuditRecordsFound(
            total=total, records=found.records, more=found.end is not None, end=found.end, filters=filters
        )
        return reply.model_dump_json().encode()

    return App(
        "audit",
        subscriptions=[
            Subscription(
                stream,
                record_advisory if stream == "ADVISORIES" else record,
                concurrency=_CONCURRENCY,
                fetch_in_batches=True,
                traced=False,
            )
            for stream in STREAMS
        ],
        responders=[
            Responder(AUDIT_RECORDS, find_records),
            Responder(AUDIT_PROOFS, Proofs(store.engine, keys.verifier, bus).respond),
            Responder(FIND_ERASABLE, ErasableRecords(store).answer),
            Responder(ERASE_RECORDS, RecordEraser(store, bus).answer),
            Responder(ROTATE_LEDGER_KEY, rotates(keys, store)),
        ],
    )

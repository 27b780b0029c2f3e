"""Hears every stream, answers questions about what was heard, and says what would be given up in silence."""

from typing import Final

from perdure.bus import Bus, Heard
from perdure.bus.app import Answers, App, Hears
from perdure.bus.topology import STREAMS
from perdure.contracts.audit import AUDIT_RECORDS, AuditRecordsFound, AuditRecordsQuery
from perdure_audit.advisories import GivenUp
from perdure_audit.recorder import Recorder
from perdure_audit.store import Store

__all__ = ["create_app"]

_AT_ONCE: Final = 256  # messages of a stream in hand: the more, the fewer transactions


def create_app(store: Store, bus: Bus) -> App:
    """Build the service; nothing connects until it is heard."""
    recorder, given_up = Recorder(store), GivenUp(bus)

    async def advisory(heard: Heard) -> None:
        await recorder.record(heard)
        await given_up.hear(heard)

    async def records(question: bytes) -> bytes:
        query = AuditRecordsQuery.model_validate_json(question)
        found = AuditRecordsFound(total=await store.count(), records=await store.find(query))
        return found.model_dump_json().encode()

    return App(
        "audit",
        hears=[
            Hears(
                stream,
                advisory if stream == "ADVISORIES" else recorder.record,
                at_once=_AT_ONCE,
                in_groups=True,
                traced=False,
            )
            for stream in STREAMS
        ],
        answers=[Answers(AUDIT_RECORDS, records)],
    )

"""Each service on the in-memory bus: which messages it receives, and what it then publishes."""

import json

from perdure.bus import MemoryBus, RawMessage
from perdure.config.routes import Route
from perdure.config.services import IngestSettings
from perdure.config.settings import Settings
from perdure.contracts import DeadLetter, EventVerdict, StartWorkflow
from perdure.contracts.audit import AUDIT_RECORDS, AuditRecordsFound, AuditRecordsQuery
from perdure_audit.app import create_app as create_audit
from perdure_audit.store import open_store
from tests.support.app_delivery import deliver_all
from tests.support.approval_requests import REQUEST
from tests.support.ingest import create_ingest
from tests.support.ledger_keys import ledger_keys

SETTINGS = Settings(
    routes=(Route(on="documents.submitted", start="DocumentAnalysis"),), ingest=IngestSettings(max_payload_bytes=1_000)
)


async def test_ingest_turns_a_bare_event_into_a_command() -> None:
    bus = MemoryBus()
    await bus.publish_raw(RawMessage("events.documents.submitted", b'{"path": "a.md"}', {}))

    assert await deliver_all(create_ingest(SETTINGS, bus), bus) == ["ack"]

    command, verdict = bus.published
    assert isinstance(command, StartWorkflow)
    assert isinstance(verdict, EventVerdict)
    assert (command.workflow_id, command.input) == (f"DocumentAnalysis~{command.event.id}", {"path": "a.md"})


async def test_an_event_that_is_delivered_twice_becomes_one_command() -> None:
    bus = MemoryBus()
    await bus.publish_raw(RawMessage("events.documents.submitted", b"{}", {}))
    app = create_ingest(SETTINGS, bus)

    await deliver_all(app, bus)
    await deliver_all(app, bus)

    command, verdict = bus.published
    assert isinstance(command, StartWorkflow)
    assert isinstance(verdict, EventVerdict)


async def test_ingest_dead_letters_events_that_it_cannot_take() -> None:
    bus = MemoryBus()
    await bus.publish_raw(RawMessage("events.documents.submitted", b"{}" + b" " * 1_000, {}))
    await bus.publish_raw(RawMessage("events.unknown", b"{}", {}))

    assert await deliver_all(create_ingest(SETTINGS, bus), bus) == ["term", "term", "ack", "ack"]

    assert [it.reason for it in bus.published if isinstance(it, DeadLetter)] == ["too_large", "no_route"]


async def test_audit_records_every_message_once_and_finds_it_again(audited: Settings) -> None:
    bus = MemoryBus()
    await bus.publish_raw(RawMessage("events.a", b"\xff", {"h": "v"}))
    await bus.publish(REQUEST)
    async with open_store(audited) as store:
        app = create_audit(store, bus, ledger_keys(audited.state))
        for _ in range(2):
            assert set(await deliver_all(app, bus)) == {"ack"}
        query = AuditRecordsQuery(subject="approvals").model_dump_json().encode()
        reply = await app.responders[0].respond(RawMessage(AUDIT_RECORDS, query, {}))

    found = AuditRecordsFound.model_validate_json(reply)
    assert found.total == 2
    (record,) = found.records
    assert (record.stream, record.sequence, record.subject) == ("APPROVALS", 1, REQUEST.subject)
    assert json.loads(record.body) == json.loads(REQUEST.model_dump_json())

"""Each service on the bus in memory: what it hears, and what it then says."""

import io
import json
from pathlib import Path

from perdure.bus import MemoryBus, Wire
from perdure.bus.app import App
from perdure.bus.delivery import settle
from perdure.contracts import DeadLetter, Notification, StartWorkflow
from perdure.contracts.audit import AuditRecordsFound, AuditRecordsQuery
from perdure.errors import Unavailable
from perdure.routes import Route
from perdure.settings import IngestSettings, Settings
from perdure_audit.app import create_app as create_audit
from perdure_audit.store import open_store
from perdure_notifier.app import create_app as create_notifier
from perdure_notifier.channels import Refused, TerminalChannel
from tests.bus.ingest import create_ingest
from tests.bus.test_settle import Delivered
from tests.unit.flow.test_inbox import REQUEST

SETTINGS = Settings(
    routes=(Route(on="documents.submitted", start="DocumentAnalysis"),), ingest=IngestSettings(max_payload_bytes=1_000)
)


async def let_hear(app: App, bus: MemoryBus) -> list[str]:
    """Deliver what is on the bus to an app, once, and return how each message was settled."""
    fates: list[str] = []
    for ear in app.hears:
        async for heard in bus.recall(f"{ear.stream.lower()}.>"):
            delivery = Delivered(heard=heard)
            await settle(delivery, ear.handle, bus=bus, service=app.service)
            fates += delivery.settled
    return fates


async def test_ingest_turns_a_bare_event_into_a_command() -> None:
    bus = MemoryBus()
    await bus.publish(Wire("events.documents.submitted", b'{"path": "a.md"}', {}))

    assert await let_hear(create_ingest(SETTINGS, bus), bus) == ["ack"]

    (command,) = bus.said
    assert isinstance(command, StartWorkflow)
    assert (command.workflow_id, command.input) == ("DocumentAnalysis-EVENTS.1", {"path": "a.md"})


async def test_an_event_that_is_delivered_twice_becomes_one_command() -> None:
    bus = MemoryBus()
    await bus.publish(Wire("events.documents.submitted", b"{}", {}))
    app = create_ingest(SETTINGS, bus)

    await let_hear(app, bus)
    await let_hear(app, bus)

    assert len(bus.said) == 1


async def test_ingest_buries_what_it_cannot_take() -> None:
    bus = MemoryBus()
    await bus.publish(Wire("events.documents.submitted", b"{}" + b" " * 1_000, {}))
    await bus.publish(Wire("events.unknown", b"{}", {}))

    assert await let_hear(create_ingest(SETTINGS, bus), bus) == ["term", "term", "ack", "ack"]

    assert [letter.reason for letter in bus.said if isinstance(letter, DeadLetter)] == ["too_large", "no_route"]


async def test_the_notifier_tells_people_and_says_that_it_did() -> None:
    bus, paper = MemoryBus(), io.StringIO()
    await bus.say(REQUEST)

    assert await let_hear(create_notifier(bus, [TerminalChannel(paper)]), bus) == ["ack"]

    told = bus.said[-1]
    assert isinstance(told, Notification)
    assert (told.channel, told.outcome, told.about) == ("terminal", "sent", REQUEST.message_id)
    assert "perdure approve w.1" in paper.getvalue()


class Hard:
    """A channel that does at its nth try what its script says."""

    def __init__(self, name: str, *script: Exception | str) -> None:
        self.name = name
        self._script = list(script)

    async def tell(self, *_: object) -> str:
        answer = self._script.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


async def test_a_channel_that_does_not_answer_is_tried_again_alone() -> None:
    bus = MemoryBus()
    await bus.say(REQUEST)
    channels = [Hard("down", Unavailable("no answer"), "at last"), Hard("up", "heard")]
    app = create_notifier(bus, channels)

    fates = [await let_hear(app, bus) for _ in range(2)]

    assert [fate[0].split()[0] for fate in fates] == ["nak", "ack"]
    told = [(it.channel, it.detail) for it in bus.said if isinstance(it, Notification)]
    assert told == [("up", "heard"), ("down", "at last")]


async def test_what_a_channel_refuses_is_said_to_have_failed() -> None:
    bus = MemoryBus()
    await bus.say(REQUEST)

    assert await let_hear(create_notifier(bus, [Hard("full", Refused("HTTP 404"))]), bus) == ["ack"]

    told = bus.said[-1]
    assert isinstance(told, Notification)
    assert (told.outcome, told.detail) == ("failed", "HTTP 404")


async def test_audit_records_every_message_once_and_finds_it_again(tmp_path: Path) -> None:
    bus = MemoryBus()
    await bus.publish(Wire("events.a", b"\xff", {"h": "v"}))
    await bus.say(REQUEST)
    async with open_store(Settings(state=tmp_path)) as store:
        app = create_audit(store, bus)
        for _ in range(2):
            assert set(await let_hear(app, bus)) == {"ack"}
        answer = await app.answers[0].answer(AuditRecordsQuery(subject="approvals").model_dump_json().encode())

    found = AuditRecordsFound.model_validate_json(answer)
    assert found.total == 2
    (record,) = found.records
    assert (record.stream, record.sequence, record.subject) == ("APPROVALS", 1, REQUEST.subject)
    assert json.loads(record.body) == json.loads(REQUEST.model_dump_json())

"""A command that was refused is sent again as its event, through the routes of today."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

from perdure.bus import NatsBus, NatsKeyValue, RawMessage, StoredMessage, connect, decode
from perdure.bus.dead_letter import make_dead_letter, publish_dead_letter
from perdure.bus.jetstream.provision import provision
from perdure.bus.settlement import settle
from perdure.bus.views.start_ledger import BUCKET, StartLedger
from perdure.cli.dead_letters import Choice, resend_dead_letters
from perdure.config.routes import Route
from perdure.config.settings import NatsSettings, Settings
from perdure.contracts import SignalWorkflow, StartWorkflow
from tests.support.deliveries import Delivered
from tests.support.ingest import create_ingest, create_queues

MISSPELT = {"on": "placed", "start": "Greetin"}
MENDED = {"on": "placed", "start": "Greeting"}


@dataclass
class Rig:
    """Ingest by routes that may change, and an operator, on a real bus."""

    bus: NatsBus

    async def ingest(self, message: StoredMessage, *routes: dict[str, Any]) -> None:
        settings = Settings(routes=tuple(Route.model_validate(route) for route in routes))
        queues = create_queues(settings, self.bus, ledger=NatsKeyValue(self.bus.js, BUCKET))
        events, _ = create_ingest(settings, self.bus, queues).subscriptions
        await settle(Delivered(message=message), events.handle, bus=self.bus, service="ingest")

    async def publish(self, body: bytes = b"{}", **headers: str) -> StoredMessage:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.event(await self.bus.publish_raw(RawMessage("events.placed", body, named)))

    async def event(self, sequence: int) -> StoredMessage:
        message = await self.bus.get("EVENTS", sequence)
        assert message is not None
        return message

    async def refuse(self, sequence: int) -> None:
        """Make a dead letter of a command, as the orchestrator does."""
        message = await self.bus.get("COMMANDS", sequence)
        assert message is not None
        await publish_dead_letter(
            self.bus, make_dead_letter(message, "unknown_workflow", "none is called so", service="orchestrator")
        )

    async def resend(self, *routes: dict[str, Any]) -> list[tuple[int, str, str | None]]:
        today = [Route.model_validate(route) for route in routes]
        return [it async for it in resend_dead_letters(self.bus, Choice(), today, pause=0, dry_run=False)]

    async def commands(self) -> list[StartWorkflow | SignalWorkflow]:
        found = [decode(message.raw) async for message in self.bus.read("commands.>")]
        return [it for it in found if isinstance(it, StartWorkflow | SignalWorkflow)]


@pytest_asyncio.fixture
async def rig(nats_settings: NatsSettings) -> AsyncIterator[Rig]:
    async with connect(nats_settings, source="perdure/test", within=5) as bus:
        await provision(bus.js, "ingest")
        yield Rig(bus)


@pytest.mark.parametrize(
    "headers",
    [{}, {"Nats_Msg_Id": "order-1"}, {"ce_specversion": "1.0", "ce_id": "1", "ce_source": "/s", "ce_type": "placed"}],
)
async def test_a_route_that_was_mended_takes_the_event(rig: Rig, headers: dict[str, str]) -> None:
    await rig.ingest(await rig.publish(b'{"name": "Ada"}', **headers), MISSPELT)
    await rig.refuse(1)

    assert await rig.resend() == [(1, "events.placed", None)]
    again = await rig.event(2)
    await rig.ingest(again, MENDED)
    await rig.ingest(again, MENDED)  # delivered twice

    first, second = await rig.commands()
    assert isinstance(first, StartWorkflow)
    assert isinstance(second, StartWorkflow)
    assert (first.workflow, second.workflow) == ("Greetin", "Greeting")
    assert (second.event.id, second.digest, second.input) == (first.event.id, first.digest, {"name": "Ada"})


async def test_a_workflow_that_was_registered_meanwhile_gets_the_same_command_at_once(rig: Rig) -> None:
    await rig.ingest(await rig.publish(), MENDED)
    await rig.refuse(1)

    await rig.resend()
    await rig.ingest(await rig.event(2), MENDED)

    assert [it.workflow_id for it in await rig.commands()] == [(await rig.commands())[0].workflow_id] * 2


async def test_a_run_of_another_route_that_has_started_is_not_started_again(rig: Rig) -> None:
    other = {"on": "placed", "start": "Other"}
    await rig.ingest(await rig.publish(), MISSPELT, other)
    await rig.refuse(1)
    ledger = StartLedger(NatsKeyValue(rig.bus.js, BUCKET))
    _, started = await rig.commands()
    await ledger.mark_started(started)

    await rig.resend()
    await rig.ingest(await rig.event(2), MENDED, other)

    states = {it.workflow: (await ledger.look_up(it)).name for it in await rig.commands()}
    assert states == {"Greetin": "NEW", "Greeting": "NEW", "Other": "DONE"}


async def test_a_start_that_waited_waits_again(rig: Rig) -> None:
    held = {"on": "placed", "start": "Greetin", "flow": {"max_open": 1}}
    await rig.ingest(await rig.publish(), held)
    (waiting,) = [message async for message in rig.bus.read("waiting.>")]
    await rig.bus.publish(StartWorkflow.model_validate_json(waiting.raw.body))
    await rig.bus.delete("WAITING", waiting.sequence)
    await rig.refuse(1)

    await rig.resend()
    await rig.ingest(await rig.event(2), {**held, "start": "Greeting"})

    (again,) = [message async for message in rig.bus.read("waiting.>")]
    assert StartWorkflow.model_validate_json(again.raw.body).workflow == "Greeting"


async def test_a_command_whose_event_is_gone_is_sent_again_with_the_workflow_of_today(rig: Rig) -> None:
    misspelt, mended = ({**route, "name": "greet"} for route in (MISSPELT, MENDED))
    await rig.ingest(await rig.publish(b'{"name": "Ada"}'), misspelt)
    await rig.refuse(1)
    await rig.bus.delete("EVENTS", 1)

    assert await rig.resend(mended) == [(1, "commands.start.Greeting", None)]

    first, second = await rig.commands()
    assert second == first.model_copy(update={"workflow": "Greeting"})


async def test_a_run_id_that_another_event_has_is_no_objection_since_the_template_may_be_mended(rig: Rig) -> None:
    ledger = StartLedger(NatsKeyValue(rig.bus.js, BUCKET))
    by_key = {"on": "placed", "start": "Greeting", "workflow_id": "g-{data.k}"}
    for event in (b'{"k": 1}', b'{"k": 1, "n": 2}'):
        await rig.ingest(await rig.publish(event), by_key)
    first, _ = await rig.commands()
    await ledger.claim(first)
    await ledger.mark_started(first)
    await rig.refuse(2)

    assert await rig.resend() == [(1, "events.placed", None)]


async def test_an_event_that_took_effect_is_not_sent_again(rig: Rig) -> None:
    ledger = StartLedger(NatsKeyValue(rig.bus.js, BUCKET))
    await rig.ingest(await rig.publish(), MENDED)
    (started,) = await rig.commands()
    await ledger.mark_started(started)
    await rig.refuse(1)

    ((_, _, against),) = await rig.resend()

    assert against is not None
    assert "was started" in against
    assert len(await rig.resend()) == 1, "it stays"


async def test_an_event_that_0_1_started_is_not_sent_again(rig: Rig) -> None:
    ledger = StartLedger(NatsKeyValue(rig.bus.js, BUCKET))
    await rig.ingest(await rig.publish(), MENDED)
    (command,) = await rig.commands()
    assert command.former is not None
    await ledger.mark_started(command.as_formerly(command.former))
    await rig.refuse(1)

    ((_, _, against),) = await rig.resend()

    assert against is not None
    assert "was started" in against

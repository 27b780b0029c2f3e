"""A twin of the attacked suite in this process: the same doors on a bus in memory, so that a test may break one."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast
from uuid import uuid4

from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

from perdure.approvers import ApproversFile, Proxy, PublicKey, SigningKey
from perdure.bus import Bus, MemoryBus, MemoryKeyValue, RawMessage, decode
from perdure.bus.permissions import ROLES
from perdure.bus.settlement import Handler, settle
from perdure.config.settings import Settings
from perdure.contracts import ApprovalRequested, DeadLetter
from perdure.runtime.background import background
from perdure.runtime.endpoints import Health, endpoints
from perdure_notifier.replies.http import reply_app
from tests.support.attacks.channels import Channels, open_channels
from tests.support.attacks.configuration import enrol_people
from tests.support.attacks.suite import WITHIN, AttackedSuite
from tests.support.binaries import binary
from tests.support.bridges import new_bridge
from tests.support.deliveries import Delivered
from tests.support.first_of import first_of
from tests.support.ingest import create_ingest
from tests.support.ports import free_port
from tests.support.scripted_worker import ScriptedWorker, open_scripted_worker
from tests.support.workshop import Asking

__all__ = ["open_twin"]

_ROUTES: Final = [{"on": "work.spoof", "start": "Asking"}, {"on": "payroll.due", "start": "Asking", "name": "payroll"}]


@dataclass
class _Twin(AttackedSuite):
    """What attackers meet: bridge, worker, ingest and notifier as they are; NATS' own permissions are not there."""

    queue: str = ""

    async def request(self, workflow: str = "Asking", **data: Any) -> ApprovalRequested:
        run = f"{workflow}-{self.new_id('victim')}"
        body = {"title": "Pay?", "policy": {"roles": ["editor"]}, **data}
        await self.temporal.start_workflow(workflow, body, id=run, task_queue=self.queue)
        requested = await self.requested(workflow, run)
        self.victims[requested.request_id] = requested
        return requested

    async def publish_raw(self, role: str, subject: str, body: bytes, **headers: str) -> int:
        assert role in ROLES
        return await self.bus.publish_raw(RawMessage(subject, body, headers))

    async def outcome(self, type_: str, sequence: int) -> str:
        """Wait for the dead letter of an event, or for any command: the twin's only event is the attacker's."""
        async with asyncio.timeout(WITHIN):
            return await first_of(self._first(f"a run by an event on {type_}"), self._refusal(sequence))

    async def _first(self, word: str) -> str:
        async for _ in self.bus.subscribe("commands.>", replay=True):
            return word
        raise AssertionError("the bus was closed")

    async def _refusal(self, sequence: int) -> str:
        async for stored in self.bus.subscribe("dlq.ingest", replay=True):
            found = decode(stored.raw)
            assert isinstance(found, DeadLetter)
            if found.stream_sequence == sequence:
                return found.reason
        raise AssertionError("the bus was closed")


@asynccontextmanager
async def open_twin(folder: Path) -> AsyncIterator[AttackedSuite]:
    """Open the doors for as long as the block lasts.

    Args:
        folder: Of the approvers file and the private keys.
    """
    file = folder / "approvers.yaml"
    keys = {**enrol_people(file, folder / "people"), "notifier": SigningKey.new()}
    approvers, bus = ApproversFile(file), MemoryBus()
    _enrol_notifier(approvers, keys["notifier"])
    async with AsyncExitStack() as stack:
        channels = stack.enter_context(open_channels())
        environment = await stack.enter_async_context(
            await WorkflowEnvironment.start_time_skipping(
                test_server_existing_path=binary("temporal-test-server"), data_converter=pydantic_data_converter
            )
        )
        worker = await stack.enter_async_context(
            open_scripted_worker(environment, Asking, bus=bus, queue=uuid4().hex, approvers=approvers)
        )
        await stack.enter_async_context(background(*_consumers(worker, file)))
        url = await stack.enter_async_context(_notifier(bus, approvers, keys["notifier"], channels))
        nowhere = cast("Any", None)  # there is no process, and no server
        yield _Twin(nowhere, bus, environment.client, url, nowhere, {}, keys, channels, queue=worker.queue)


def _enrol_notifier(approvers: ApproversFile, key: SigningKey) -> None:
    with approvers.changing() as (before, changed):
        people = before.proxies["notifier"].people
        proxy = Proxy(people=people, keys=(PublicKey(public=key.public),))
        changed.append(before.model_copy(update={"proxies": {"notifier": proxy}}))


def _consumers(worker: ScriptedWorker, approvers: Path) -> list[Any]:
    """Return the consumers of the bridge and of ingest."""
    bridge = new_bridge(worker, worker.environment.client, MemoryKeyValue(), approvers)
    ingest = create_ingest(Settings.model_validate({"routes": _ROUTES}), worker.bus)
    events = ingest.subscriptions[0].handle
    handled = {"decisions.>": bridge.decision, "commands.>": bridge.command, "signals.>": bridge.signal}
    bridges = [_consume(worker.bus, subject, handle, "orchestrator") for subject, handle in handled.items()]
    return [*bridges, _consume(worker.bus, "events.>", events, "ingest")]


async def _consume(bus: Bus, subject: str, handle: Handler, service: str) -> None:
    async for stored in bus.subscribe(subject, replay=True):
        await settle(Delivered(message=stored), handle, bus=bus, service=service)


@asynccontextmanager
async def _notifier(bus: Bus, approvers: ApproversFile, key: SigningKey, channels: Channels) -> AsyncIterator[str]:
    """Serve the notifier's doors, and return their URL."""
    port = free_port()
    notifier = {**channels.configuration, "http_port": port}
    settings = Settings.model_validate({"notifier": notifier})
    app = reply_app(settings, bus=bus, entries=MemoryKeyValue(), approvers=approvers, key=key)
    health = Health("notifier")
    async with endpoints(settings.notifier, health), app as health.front:
        yield f"http://127.0.0.1:{port}"

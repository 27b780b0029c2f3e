"""The ingest app on any bus; its state is in memory by default."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from perdure.bus import Bus, KeyValue, MemoryKeyValue, RawMessage, StoredMessage, decode
from perdure.bus.app import App
from perdure.bus.lease import Lease, Leases
from perdure.bus.settlement import settle
from perdure.bus.views.start_ledger import StartLedger
from perdure.config.routes import Route
from perdure.config.settings import Settings
from perdure.contracts import Progress, ProgressKind, StartWorkflow
from perdure.runtime.background import background
from perdure_ingest.app import create_app
from perdure_ingest.flow_control import RouteQueues
from perdure_ingest.rules import compile_rules
from perdure_ingest.verdict_log import VerdictLog
from tests.support.deliveries import Delivered

__all__ = ["Ingest", "create_ingest", "create_queues", "running_ingest"]

_PROCESSES = 3


def create_queues(
    settings: Settings,
    bus: Any,
    *,
    entries: KeyValue | None = None,
    ledger: KeyValue | None = None,
    holder: str = "ingest-0",
) -> RouteQueues:
    rules = compile_rules(settings.routes)
    return RouteQueues(
        rules,
        bus=bus,
        entries=entries or MemoryKeyValue(),
        ledger=StartLedger(ledger or MemoryKeyValue()),
        verdicts=VerdictLog(bus, rules),
        holder=holder,
    )


def create_ingest(settings: Settings, bus: Bus, queues: RouteQueues | None = None) -> App:
    rules = compile_rules(settings.routes)
    leases = Leases(MemoryKeyValue(), "test", Lease, duration=timedelta(seconds=10))
    return create_app(settings, rules, queues or create_queues(settings, bus), VerdictLog(bus, rules), leases=leases)


@dataclass
class Ingest:
    """Several ingest processes on one bus, and the starts that they publish."""

    bus: Bus
    entries: KeyValue
    starts: KeyValue
    settings: Settings
    processes: list[RouteQueues] = field(default_factory=list)
    published: int = 0
    settle_seconds: float = 0.3  # in this time, a start that must not come would have come

    async def publish(self, data: dict[str, Any], event_id: str | None = None) -> None:
        """Publish an event, and deliver it to one of the processes."""
        self.published += 1
        headers = {"Nats-Msg-Id": event_id or f"e{self.published}"}
        sequence = await self.bus.publish_raw(RawMessage("events.placed", json.dumps(data).encode(), headers))
        message = await self.bus.first("events.placed", after=sequence - 1)
        assert message is not None
        await self.deliver(message, self.processes[self.published % len(self.processes)])

    async def deliver(self, message: StoredMessage, process: RouteQueues) -> None:
        delivery = Delivered(message=message)
        events, _ = create_ingest(self.settings, self.bus, process).subscriptions
        await settle(delivery, events.handle, bus=self.bus, service="ingest")

    async def started(self) -> list[StartWorkflow]:
        commands = [decode(message.raw) async for message in self.bus.read("commands.start.>")]
        return [it for it in commands if isinstance(it, StartWorkflow)]

    async def events_started(self) -> list[str]:
        return [start.event.id for start in await self.started()]

    async def expect(self, *event_ids: str) -> None:
        """Wait for exactly these starts, in any order, and see that no other comes soon after."""
        async with asyncio.timeout(10):
            while not set(event_ids) <= set(await self.events_started()):
                await asyncio.sleep(0.02)
        await asyncio.sleep(self.settle_seconds)
        assert sorted(await self.events_started()) == sorted(event_ids)

    async def end(self, event_id: str, kind: ProgressKind = "completed") -> None:
        """Run this start to its ending, as the orchestrator would."""
        start = next(it for it in await self.started() if it.event.id == event_id)
        await StartLedger(self.starts).mark_started(start)
        run = start.workflow_id
        now = datetime.now(UTC)
        await self.bus.publish(Progress(workflow="Echo", workflow_id=run, run_id=run, sequence=1, kind=kind, at=now))


@asynccontextmanager
async def running_ingest(bus: Bus, entries: KeyValue, starts: KeyValue, **route: Any) -> AsyncIterator[Ingest]:
    settings = Settings(routes=(Route.model_validate({"on": "placed", "start": "Echo", **route}),))
    here = Ingest(bus, entries, starts, settings)
    async with AsyncExitStack() as stack:
        for number in range(_PROCESSES):
            process = create_queues(settings, bus, entries=entries, ledger=starts, holder=f"ingest-{number}")
            here.processes.append(process)
            await stack.enter_async_context(background(*process.duties()))
        yield here

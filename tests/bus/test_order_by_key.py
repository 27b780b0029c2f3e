"""Commands of one order key are handed over as their events were stored, whatever fails and whoever takes over."""

import asyncio
import json
import os
import random
import secrets
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client import CollectorRegistry

from perdure.bus import NatsBus, NatsKeyValue, RawMessage, Storage, StoredMessage, connect, decode
from perdure.bus.app import App, Ordered, Subscription
from perdure.bus.jetstream.provision import provision
from perdure.bus.jetstream.subscriptions import subscribed
from perdure.bus.lease import Lease, Leases
from perdure.bus.views.start_ledger import StartLedger
from perdure.config.routes import Route
from perdure.config.settings import NatsSettings, Settings
from perdure.contracts import SignalWorkflow, StartWorkflow
from perdure.errors import Unavailable
from perdure_ingest.app import create_app
from perdure_ingest.flow_control import RouteQueues
from perdure_ingest.rules import compile_rules
from perdure_ingest.verdict_log import VerdictLog
from perdure_orchestrator.command_lanes import command_lanes

ROUNDS = int(os.environ.get("ROUNDS", "1"))
EVENTS, KEYS, PROCESSES, TAKEOVERS = 80, 3, 2, 3
WITHIN = 180.0  # seconds
LEASE = timedelta(seconds=1)

ROUTES = (
    Route(on="orders.placed", start="Order", workflow_id="order-{data.order}-{id}", order="data.order"),
    Route(on="orders.*", signal="changed", workflow_id="order-{data.order}", order="data.order"),
    Route(on="orders.changed", name="stock", signal="changed", workflow_id="stock-{data.stock}", order="data.stock"),
    Route(on="orders.*", name="log", signal="noted", workflow_id="log"),
)


class UnsteadyBus(NatsBus):
    """Takes its time, and now and then does not answer, also after it has stored the message."""

    dice = random.Random()  # noqa: S311 (a storm needs no secure source)

    async def store(self, raw: RawMessage) -> Storage:
        await asyncio.sleep(self.dice.choice((0, 0, 0.02)))
        if raw.subject.startswith("commands") and self.dice.random() < 0.1:
            raise Unavailable("planted, before it is stored")
        storage = await super().store(raw)
        if raw.subject.startswith("commands") and self.dice.random() < 0.1:
            raise Unavailable("planted, after it is stored")
        return storage


@dataclass
class Temporal:
    """Records what is handed over first; it often does not answer, and some keys are away for a while."""

    dice: random.Random
    handed: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    known: set[str] = field(default_factory=set)

    async def take(self, message: StoredMessage) -> None:
        command = decode(message.raw)
        assert isinstance(command, StartWorkflow | SignalWorkflow)
        await asyncio.sleep(self.dice.choice((0, 0, 0.02)))
        if self.dice.random() < 0.15:
            raise Unavailable("planted")
        if command.claim not in self.known and command.order is not None:
            self.known.add(command.claim)
            self.handed[command.order].append(command.event.stream_sequence)
        if self.dice.random() < 0.1:
            raise Unavailable("planted, after it took effect")


@dataclass
class Suite:
    """Processes of ingest and bridges on one server, of which any may stop, be cut off and come back."""

    bus: NatsBus
    nats: NatsSettings
    temporal: Temporal

    @asynccontextmanager
    async def ingest(self, holder: str) -> AsyncIterator[None]:
        settings, rules = Settings(routes=ROUTES), compile_rules(ROUTES)
        bus = UnsteadyBus(self.bus._client, "perdure/ingest")  # noqa: SLF001 (another bus on its connection)
        entries, ledger = NatsKeyValue(bus.js, "FLOW"), StartLedger(NatsKeyValue(bus.js, "STARTS"))
        verdicts = VerdictLog(bus, rules)
        queues = RouteQueues(rules, bus=bus, entries=entries, ledger=ledger, verdicts=verdicts, holder=holder)
        app = create_app(settings, rules, queues, verdicts, leases=self._leases("FLOW", holder))
        async with subscribed(app, bus, self.nats, CollectorRegistry()):
            yield

    @asynccontextmanager
    async def bridge(self, holder: str) -> AsyncIterator[None]:
        ordered = Ordered(command_lanes, self._leases("BRIDGE", holder))
        commands = Subscription("COMMANDS", self.temporal.take, confirm_acks=True, ordered=ordered)
        async with subscribed(App("orchestrator", [commands]), self.bus, self.nats, CollectorRegistry()):
            yield

    async def cut_off(self, bucket: str, stream: str, holder: str) -> None:
        """Give the lease to another process, as if the holder had not been scheduled for longer than it lasts."""
        lease = Lease(holder=holder, until=datetime.now(UTC) + LEASE)
        await NatsKeyValue(self.bus.js, bucket).put(f"lease.{stream}", lease.model_dump_json().encode())

    def _leases(self, bucket: str, holder: str) -> Leases[Lease]:
        return Leases(NatsKeyValue(self.bus.js, bucket), holder, Lease, duration=LEASE)


async def publish(bus: NatsBus, dice: random.Random) -> dict[str, list[int]]:
    """Publish events in bursts; returns the sequences of each key in the order of storage, one for each command."""
    stored: dict[str, list[int]] = defaultdict(list)
    for number in range(EVENTS):
        data = {"order": f"o{dice.randrange(KEYS)}", "stock": f"s{dice.randrange(2)}"}
        kind = dice.choice(("placed", "changed", "other"))
        raw = RawMessage(f"events.orders.{kind}", json.dumps(data).encode(), {"Nats-Msg-Id": f"e{number}"})
        sequence = await bus.publish_raw(raw)
        stored[data["order"]] += [sequence, sequence] if kind == "placed" else [sequence]
        stored[data["stock"]] += [sequence] if kind == "changed" else []
        await asyncio.sleep(dice.choice((0, 0, 0, 0.01)))
    return stored


async def disturb(suite: Suite, dice: random.Random, processes: Sequence[AsyncExitStack]) -> None:
    """Stop, restart and cut off processes, one after the other."""
    for _ in range(TAKEOVERS):
        await asyncio.sleep(dice.random())
        number = dice.randrange(len(processes))
        if dice.random() < 0.5:
            bucket, stream = dice.choice((("FLOW", "EVENTS"), ("BRIDGE", "COMMANDS")))
            await suite.cut_off(bucket, stream, f"p{number}")
            continue
        await processes[number].aclose()
        await asyncio.sleep(dice.random() / 2)
        await enter(suite, processes[number], number)


async def enter(suite: Suite, stack: AsyncExitStack, number: int) -> None:
    await stack.enter_async_context(suite.ingest(f"p{number}"))
    await stack.enter_async_context(suite.bridge(f"p{number}"))


@pytest.mark.parametrize("_round", range(ROUNDS))
async def test_in_a_storm_of_events_each_key_keeps_its_order(nats_settings: NatsSettings, _round: int) -> None:
    seed = secrets.randbelow(10**6)
    dice = random.Random(seed)  # noqa: S311 (likewise)
    UnsteadyBus.dice = dice
    async with connect(nats_settings, source="perdure/test", within=5) as bus, AsyncExitStack() as stack:
        await provision(bus.js, "ingest")
        await provision(bus.js, "orchestrator")
        suite = Suite(bus, nats_settings, Temporal(dice))
        processes = [await stack.enter_async_context(AsyncExitStack()) for _ in range(PROCESSES)]
        for number, process in enumerate(processes):
            await enter(suite, process, number)
        stored, _ = await asyncio.gather(publish(bus, dice), disturb(suite, dice, processes))
        async with asyncio.timeout(WITHIN):
            await bus.wait_until_consumed("ingest", "EVENTS")
            await bus.wait_until_consumed("orchestrator", "COMMANDS")

    assert dict(suite.temporal.handed) == stored, f"the seed {seed} shows it again, more or less"

"""Signals and cancellations of a run whose start is held wait for it; each counts once."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from temporalio import workflow
from temporalio.client import WorkflowExecutionStatus
from temporalio.testing import WorkflowEnvironment

from perdure.bus import KeyValue, MemoryKeyValue, StoredMessage, encode
from perdure.contracts import (
    CancelWorkflow,
    DeadLetter,
    EventReference,
    Message,
    SignalWorkflow,
    StartWorkflow,
)
from perdure.errors import InvalidMessage, Unavailable
from perdure.values.run_id import place_of
from perdure_ingest.flow_control.waiting import encode_start
from tests.support.bridges import new_bridge
from tests.support.scripted_worker import ScriptedWorker, open_scripted_worker

pytestmark = pytest.mark.asyncio(loop_scope="session")

MINUTE = timedelta(minutes=1)
WITHIN = 30.0  # seconds
REFERENCE = EventReference(id="e", type="t", source="s", stream_sequence=1)


@workflow.defn
class Basket:
    """Collects items until the item "all", in as many runs as there are items "next"."""

    def __init__(self) -> None:
        self._items: list[str] = []

    @workflow.run
    async def run(self, items: list[str]) -> list[str]:
        await workflow.wait_condition(lambda: self._items[-1:] in (["all"], ["next"]))
        if self._items[-1] == "next":
            workflow.continue_as_new([*items, *self._items])
        return [*items, *self._items]

    @workflow.signal
    def add(self, item: str) -> None:
        self._items.append(item)


@workflow.defn
class Steps:
    """Takes a step, and another one."""

    @workflow.run
    async def run(self, _: object) -> str:
        await workflow.sleep(1)
        return "done"


class Suite:
    """A bridge, and a run that has not begun."""

    def __init__(self, worker: ScriptedWorker, entries: KeyValue) -> None:
        self.worker, self.bus, self.client, self.entries = worker, worker.bus, worker.environment.client, entries
        self.bridge = new_bridge(worker, self.client, entries, workflows=(Basket, Steps))
        self.run = f"held-{uuid4().hex}"

    def start(self, workflow_name: str) -> StartWorkflow:
        return StartWorkflow(
            route="r", event=REFERENCE, workflow=workflow_name, workflow_id=self.run, digest="a" * 64, input=[]
        )

    async def hold(self, start: StartWorkflow) -> int:
        """Store a start as ingest holds it; returns its sequence."""
        return await self.bus.publish_raw(encode_start("waiting.start.r.3.k", start))

    async def release(self, held: int, start: StartWorkflow) -> None:
        """Publish a held start, and have the bridge handle it."""
        await self.bridge.command(await self.stored(start))
        await self.bus.delete("WAITING", held)

    async def signal(self, item: str, event: str = "e") -> StoredMessage:
        """Store the signal of a route."""
        return await self.stored(
            SignalWorkflow(
                route="add",
                event=REFERENCE.model_copy(update={"id": event}),
                workflow_id=self.run,
                digest="b" * 64,
                signal="add",
                argument=item,
            )
        )

    async def operator_signal(self, item: str) -> StoredMessage:
        raw = replace(encode(self.start("Basket"), source="test"), subject=f"signals.{self.run}.add", headers={})
        raw = replace(raw, body=f'"{item}"'.encode())
        found = await self.bus.get("SIGNALS", await self.bus.publish_raw(raw))
        assert found is not None
        return found

    async def stored(self, message: Message) -> StoredMessage:
        found = await self.bus.get("COMMANDS", await self.bus.publish(message))
        assert found is not None
        return found

    def dead_letters(self) -> list[DeadLetter]:
        return [it for it in self.bus.published if isinstance(it, DeadLetter)]


@asynccontextmanager
async def opened(environment: WorkflowEnvironment) -> AsyncIterator[Suite]:
    async with open_scripted_worker(environment, Basket, Steps) as worker:
        suite = Suite(worker, MemoryKeyValue())
        releasing = asyncio.create_task(suite.bridge.release_early())
        try:
            yield suite
        finally:
            releasing.cancel()


def aged(message: StoredMessage) -> StoredMessage:
    return replace(message, stored_at=message.stored_at - MINUTE)


async def test_signals_of_routes_and_operators_wait_for_a_held_start_and_count_once(
    environment: WorkflowEnvironment,
) -> None:
    async with opened(environment) as suite:
        held = await suite.hold(start := suite.start("Basket"))
        for item in ("one", "two", "three"):
            await suite.bridge.command(await suite.signal(item, item))
        await suite.bridge.signal(await suite.operator_signal("all"))
        assert not suite.dead_letters()

        await suite.release(held, start)

        handle = suite.client.get_workflow_handle(suite.run)
        async with asyncio.timeout(WITHIN):
            assert await handle.result() == ["one", "two", "three", "all"]


async def test_a_held_start_that_is_cancelled_runs_no_step(real_server: WorkflowEnvironment) -> None:
    async with opened(real_server) as suite:
        held = await suite.hold(start := suite.start("Steps"))
        cancel = CancelWorkflow(workflow="Steps", workflow_id=suite.run, instead="")
        await suite.bridge.command(await suite.stored(cancel))

        await suite.release(held, start)

        handle = suite.client.get_workflow_handle(suite.run)
        async with asyncio.timeout(WITHIN):
            while (await handle.describe()).status is WorkflowExecutionStatus.RUNNING:
                await asyncio.sleep(0.1)
        assert (await handle.describe()).status is WorkflowExecutionStatus.CANCELED
        assert not [it async for it in handle.fetch_history_events() if it.HasField("timer_started_event_attributes")]


async def test_signals_of_a_start_that_is_given_up_become_dead_letters(environment: WorkflowEnvironment) -> None:
    async with opened(environment) as suite:
        held = await suite.hold(suite.start("Basket"))
        await suite.bridge.command(await suite.signal("one"))
        await suite.bridge.signal(await suite.operator_signal("two"))
        await suite.bus.delete("WAITING", held)

        async with asyncio.timeout(WITHIN):
            while len(suite.dead_letters()) < 2:
                await asyncio.sleep(0.05)
        assert {(it.stream, it.reason) for it in suite.dead_letters()} == {
            ("COMMANDS", "unknown_run"),
            ("SIGNALS", "unknown_run"),
        }


async def test_a_young_signal_is_tried_again_and_an_old_one_on_nothing_is_refused(
    environment: WorkflowEnvironment,
) -> None:
    async with opened(environment) as suite:
        young, old = await suite.operator_signal("one"), aged(await suite.operator_signal("two"))

        with pytest.raises(Unavailable, match="has begun yet"):
            await suite.bridge.signal(young)
        with pytest.raises(InvalidMessage, match="never started"):
            await suite.bridge.signal(old)


async def test_a_signal_that_is_delivered_again_counts_once_whatever_became_of_its_run(
    environment: WorkflowEnvironment,
) -> None:
    async with opened(environment) as suite:
        handle = await suite.worker.start("Basket", [], run_id=suite.run)
        signals = [await suite.operator_signal(item) for item in ("next", "two", "all")]
        for signal in signals:
            await suite.bridge.signal(signal)
        async with asyncio.timeout(WITHIN):
            assert await handle.result() == ["next", "two", "all"]

        for signal in signals:
            await suite.bridge.signal(signal)


async def test_a_signal_of_a_bridge_that_died_before_it_recorded_it_counts_once(
    real_server: WorkflowEnvironment,
) -> None:
    async with opened(real_server) as suite:
        handle = await suite.worker.start("Basket", [], run_id=suite.run)
        newest = suite.client.get_workflow_handle(suite.run)
        first = await suite.operator_signal("next")
        await suite.bridge.signal(first)
        place = place_of("SIGNALS", first.sequence, first.stored_at)
        await suite.entries.put(f"signal.{place}", b"")  # as if it had died before it wrote that the run has the signal
        async with asyncio.timeout(WITHIN):
            while (await newest.describe()).run_id == handle.first_execution_run_id:
                await asyncio.sleep(0.05)

        await suite.bridge.signal(first)
        await suite.bridge.signal(await suite.operator_signal("all"))

        async with asyncio.timeout(WITHIN):
            assert await handle.result() == ["next", "all"]


async def test_a_signal_beyond_the_bound_is_refused_with_what_to_do_and_those_that_wait_stay(
    environment: WorkflowEnvironment,
) -> None:
    async with opened(environment) as suite:
        others = {f"other{number}": [number] for number in range(1, 1_001)}
        await suite.entries.put("early.SIGNALS", json.dumps(others).encode())
        start = suite.start("Basket")
        held = await suite.hold(start)
        message = aged(await suite.operator_signal("all"))

        with pytest.raises(InvalidMessage, match="Resend this dead letter once the run has begun") as refused:
            await suite.bridge.signal(message)
        assert refused.value.reason == "unknown_run"
        await suite.release(held, start)
        await suite.bridge.signal(message)  # as `dlq resend` does

        assert await suite.client.get_workflow_handle(suite.run).result() == ["all"]

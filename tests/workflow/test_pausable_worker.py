"""A paused worker takes no task: what runs goes on to its end, and what comes meanwhile waits for the pause to end."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import uuid4

import pytest
import pytest_asyncio
from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from perdure.bus import MemoryBus, MemoryObjects
from perdure.bus.duty import Duty
from perdure.config.settings import Settings
from perdure.connections.temporal import converter
from perdure_orchestrator.plugin import PerdurePlugin
from perdure_orchestrator.registry import Registry
from perdure_orchestrator.worker import run_worker
from tests.support.binaries import binary

LONG = timedelta(seconds=60)


class Steps:
    """Activities that note when they begin and end."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.go_on = asyncio.Event()
        self.cancelled = 0

    @activity.defn
    async def hold(self) -> str:
        self.notes.append("hold begins")
        try:
            await self.go_on.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        self.notes.append("hold ends")
        return "held"

    @activity.defn
    def sleep(self, seconds: float) -> str:
        self.notes.append("sleep begins")
        time.sleep(seconds)
        self.notes.append("sleep ends")
        return "slept"

    @activity.defn
    async def quick(self) -> str:
        self.notes.append("quick")
        return "quick"


@workflow.defn
class Two:
    """Runs one step and another one."""

    @workflow.run
    async def run(self, first: str) -> list[str]:
        if first == "sleep, locally":
            one = await workflow.execute_local_activity("sleep", 3.0, start_to_close_timeout=LONG)
        else:
            args = [3.0] if first == "sleep" else []
            one = await workflow.execute_activity(first, args=args, start_to_close_timeout=LONG)
        return [one, await workflow.execute_activity("quick", start_to_close_timeout=LONG)]


@pytest_asyncio.fixture
async def client() -> AsyncIterator[Client]:
    environment = await WorkflowEnvironment.start_local(
        dev_server_existing_path=binary("temporal"), data_converter=converter(), dev_server_log_level="error"
    )
    async with environment:
        yield environment.client


def settings_of(queue: str) -> Settings:
    return Settings.model_validate(
        {
            "temporal": {"sandbox": False, "task_queue": queue},
            "orchestrator": {"graceful_shutdown_seconds": 0.5},
        }
    )


def with_plugin(client: Client, settings: Settings) -> Client:
    configuration = client.config()
    configuration["plugins"] = [PerdurePlugin(settings, bus=MemoryBus(), objects=MemoryObjects())]
    return Client(**configuration)


async def until(steps: Steps, note: str) -> None:
    async with asyncio.timeout(30):
        while note not in steps.notes:
            await asyncio.sleep(0.02)


def registry_of(steps: Steps) -> Registry:
    return Registry({"Two": Two}, (steps.hold, steps.sleep, steps.quick))


@pytest.mark.parametrize("first", ["hold", "sleep", "sleep, locally"])
async def test_steps_that_run_at_a_pause_end_and_the_next_ones_begin_after_it(client: Client, first: str) -> None:
    steps, unless_paused, settings = Steps(), Duty(), settings_of(uuid4().hex)
    begun, ended = (f"{first.partition(',')[0]} {word}" for word in ("begins", "ends"))
    client = with_plugin(client, settings)
    async with run_worker(client, registry_of(steps), settings, unless_paused=unless_paused):
        run = await client.start_workflow("Two", first, id="one", task_queue=settings.temporal.task_queue)
        await until(steps, begun)
        unless_paused.set(on=False)
        other = await client.start_workflow("Two", "quick", id="other", task_queue=settings.temporal.task_queue)
        await asyncio.sleep(2)  # longer than the grace: a pause cancels nothing
        steps.go_on.set()
        await until(steps, ended)
        await asyncio.sleep(1)
        during = list(steps.notes)
        unless_paused.set(on=True)
        async with asyncio.timeout(30):
            results = [await run.result(), await other.result()]

    assert during == [begun, ended]
    assert results == [["held" if first == "hold" else "slept", "quick"], ["quick", "quick"]]
    assert steps.notes.count(begun) == steps.notes.count(ended) == 1
    assert steps.cancelled == 0


async def test_a_worker_takes_tasks_again_while_a_step_of_before_the_pause_still_runs(client: Client) -> None:
    steps, unless_paused, settings = Steps(), Duty(), settings_of(uuid4().hex)
    client = with_plugin(client, settings)
    async with run_worker(client, registry_of(steps), settings, unless_paused=unless_paused):
        run = await client.start_workflow("Two", "hold", id="one", task_queue=settings.temporal.task_queue)
        await until(steps, "hold begins")
        for _ in range(3):
            unless_paused.set(on=False)
            await asyncio.sleep(0.3)
            unless_paused.set(on=True)
            await asyncio.sleep(0.3)
        other = await client.start_workflow("Two", "quick", id="other", task_queue=settings.temporal.task_queue)
        async with asyncio.timeout(30):
            assert await other.result() == ["quick", "quick"]
            steps.go_on.set()
            assert await run.result() == ["held", "quick"]
    assert steps.notes.count("hold begins") == 1


async def test_a_worker_that_ends_cancels_steps_after_the_grace_and_the_next_one_runs_them_again(
    client: Client,
) -> None:
    steps, settings = Steps(), settings_of(uuid4().hex)
    client = with_plugin(client, settings)
    async with run_worker(client, registry_of(steps), settings):
        run = await client.start_workflow("Two", "hold", id="one", task_queue=settings.temporal.task_queue)
        await until(steps, "hold begins")
    assert steps.cancelled == 1

    steps.go_on.set()
    async with run_worker(client, registry_of(steps), settings), asyncio.timeout(30):
        assert await run.result() == ["held", "quick"]


async def test_a_worker_that_begins_in_a_pause_takes_nothing_before_its_end(client: Client) -> None:
    steps, unless_paused, settings = Steps(), Duty(on=False), settings_of(uuid4().hex)
    client = with_plugin(client, settings)
    run = await client.start_workflow("Two", "quick", id="one", task_queue=settings.temporal.task_queue)
    async with run_worker(client, registry_of(steps), settings, unless_paused=unless_paused):
        await asyncio.sleep(1.5)
        during = list(steps.notes)
        unless_paused.set(on=True)
        async with asyncio.timeout(30):
            await run.result()

    assert during == []

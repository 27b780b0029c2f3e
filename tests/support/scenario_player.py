"""Plays a scenario on a time-skipping Temporal, with the real bridge, signed decisions and killed workers."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final
from uuid import uuid4

from temporalio.client import WorkflowFailureError, WorkflowHandle
from temporalio.testing import WorkflowEnvironment

from perdure.bus import MemoryBus, MemoryKeyValue, RawMessage, StoredMessage
from perdure.bus.views.start_ledger import StartLedger
from perdure.config.settings import TemporalSettings
from perdure.contracts import ApprovalDecided, ApprovalExpired, Message, Receipt
from perdure_orchestrator.bridge import Bridge
from perdure_orchestrator.registry import Registry
from tests.support.fuse import Fuse, Fused, Killed
from tests.support.scenario_workflow import RequestInput, ScenarioInput, ScenarioWorkflow
from tests.support.scenarios.approvers import ScriptedApprovers, title_of
from tests.support.scenarios.scenario import KillWorker, PassTime, Scenario, Step, StoredDecision
from tests.support.scripted_worker import open_scripted_worker

SETTLED: Final = timedelta(seconds=10)
"""Temporal's clock skips this time as soon as no worker has anything to do."""


class RecordingBus(MemoryBus):
    """A bus that also records what it drops as a duplicate, so that duplicates with other content are found."""

    def __init__(self) -> None:
        super().__init__()
        self.receipts = set[tuple[str, str]]()
        self.ends = set[tuple[str, str]]()

    async def publish(self, message: Message) -> int:
        match message:
            case Receipt():
                self.receipts.add((message.message_id, message.code))
            case ApprovalDecided():
                self.ends.add((message.request_id, f"{message.decision} by {message.approver}"))
            case ApprovalExpired():
                self.ends.add((message.request_id, message.reason))
        return await super().publish(message)


@dataclass
class ScenarioPlayer:
    """Plays one scenario once."""

    environment: WorkflowEnvironment
    approvers: ScriptedApprovers
    scenario: Scenario
    bus: RecordingBus = field(default_factory=RecordingBus)
    claims: MemoryKeyValue = field(default_factory=MemoryKeyValue)
    queue: str = field(default_factory=lambda: uuid4().hex)
    fuse: Fuse = field(default_factory=lambda: Fuse(0))
    worker: AsyncExitStack = field(default_factory=AsyncExitStack)
    is_alive: bool = False

    async def play(self) -> list[tuple[str, str]] | None:
        """Play all steps; returns the result of the run, or nothing if it had to be cancelled."""
        async with AsyncExitStack() as end:
            end.push_async_callback(self.kill)
            self.started_at = await self.environment.get_current_time()
            self.run = await self.start()
            await self.work()
            for step in self.scenario.steps:
                await self.perform(step)
            await self.work()
            return await self.finish()

    async def start(self) -> WorkflowHandle[Any, Any]:
        requests = [
            RequestInput(title=title_of(number), policy=request.policy, requester=request.requester)
            for number, request in enumerate(self.scenario.requests, 1)
        ]
        scenario = ScenarioInput(requests=tuple(requests), order=self.scenario.order, lead=self.scenario.lead)
        return await self.environment.client.start_workflow(
            "ScenarioWorkflow", scenario, id=f"run-{self.queue}", task_queue=self.queue
        )

    async def perform(self, step: Step) -> None:
        match step.action:
            case PassTime(hours):
                await self.work()
                await self.environment.sleep(timedelta(hours=hours))
            case KillWorker(bridge=at):
                await self.kill()
                self.fuse = Fuse(at)
        if step.delivered is not None and not (step.is_redelivery and await self.is_over()):
            await self.deliver(step.delivered)
        if not step.is_dead:
            await self.work()

    async def deliver(self, stored: StoredDecision) -> None:
        """Deliver a decision to the bridge, and redeliver it if the bridge died meanwhile.

        It is not redelivered if it ended the run: the test server keeps no request ids of signals (``test_bridge``
        covers that with a real server).
        """
        was_over = await self.is_over()
        raw = RawMessage(
            f"decisions.{self.run.id}", self.approvers.body(stored.decision, self.run.id, self.started_at), {}
        )
        message = StoredMessage(raw, "DECISIONS", stored.place, await self.environment.get_current_time(), pending=0)
        fuse, self.fuse = self.fuse, Fuse(0)
        try:
            await self.bridge(Fused(self.environment.client, fuse), Fused(self.bus, fuse)).decision(message)
        except Killed:
            if self.is_alive:
                await self.work()
            if not was_over and await self.is_over():
                return
            await self.bridge(self.environment.client, self.bus).decision(message)

    def bridge(self, client: Any, bus: Any) -> Bridge:
        return Bridge(
            client,
            bus,
            StartLedger(MemoryKeyValue()),
            registry=Registry({}, ()),
            approvers=self.approvers.file,
            entries=self.claims,
            settings=TemporalSettings(task_queue=self.queue, signals_wait_seconds=0),
        )

    async def work(self) -> None:
        """Run a worker until it has nothing left to do."""
        if not self.is_alive:
            await self.worker.enter_async_context(
                open_scripted_worker(self.environment, ScenarioWorkflow, bus=self.bus, queue=self.queue)
            )
            self.is_alive = True
        async with asyncio.timeout(30):
            await self.environment.sleep(SETTLED)

    async def kill(self) -> None:
        await self.worker.aclose()
        self.is_alive = False

    async def finish(self) -> list[tuple[str, str]] | None:
        """Cancel a run that still waits, and return the result."""
        if not await self.is_over():
            await self.run.cancel()
        try:
            async with asyncio.timeout(30):
                return [(outcome, by) for outcome, by in await self.run.result()]
        except WorkflowFailureError:
            return None

    async def is_over(self) -> bool:
        return (await self.run.describe()).close_time is not None

"""Plays a scenario on a time-skipping Temporal, with the real bridge, signed decisions and killed workers."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import uuid4

from temporalio.client import WorkflowFailureError, WorkflowHandle
from temporalio.testing import WorkflowEnvironment

from perdure.bus import MemoryBus, MemoryKeyValue, RawMessage
from perdure.bus.views.recorded_approvers import RecordedApprovers
from perdure.bus.views.start_ledger import StartLedger
from perdure.config.settings import TemporalSettings
from perdure.contracts import ApprovalDecided, ApprovalExpired, ApprovalRequested, Decision, Message, Receipt
from perdure.flow.approvals_host import DECISION_SIGNAL
from perdure.voting.ballot import ReceivedDecision
from perdure_orchestrator.bridge import Bridge
from perdure_orchestrator.registry import Registry
from tests.support.fuse import Fuse, Fused, Killed
from tests.support.scenario_workflow import RequestInput, ScenarioInput, ScenarioWorkflow
from tests.support.scenarios.actions import Decide, Forge, KillWorker, PassTime
from tests.support.scenarios.approvers import ScriptedApprovers, title_of
from tests.support.scenarios.scenario import Scenario, Step, StoredDecision
from tests.support.scripted_worker import open_scripted_worker

SETTLED: Final = timedelta(seconds=10)
"""Temporal's clock skips this time as soon as no worker has anything to do."""

FORGED: Final = ".forged"
"""The end of the ids of decisions that nobody signed and nobody stored."""


class RecordingBus(MemoryBus):
    """A bus that also records what it drops as a duplicate, so that duplicates with other content are found."""

    def __init__(self) -> None:
        super().__init__()
        self.receipts = set[tuple[str, str]]()
        self.ends = set[tuple[str, str]]()
        self.forged = set[str]()

    async def publish(self, message: Message) -> int:
        match message:
            case Receipt() if message.decision_id.endswith(FORGED):
                self.forged.add(message.code)
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
    verifications: MemoryKeyValue = field(default_factory=MemoryKeyValue)
    bodies: dict[Decide, bytes] = field(default_factory=dict)
    missed: list[Step] = field(default_factory=list)
    handed_over: list[int] = field(default_factory=list)
    last_time: datetime = datetime(1970, 1, 1, tzinfo=UTC)
    reverses: bool = False
    queue: str = field(default_factory=lambda: uuid4().hex)
    fuse: Fuse = field(default_factory=lambda: Fuse(0))
    worker: AsyncExitStack = field(default_factory=AsyncExitStack)
    is_alive: bool = False

    async def play(self) -> list[tuple[str, str]] | None:
        """Play all steps; returns the result of the run, or nothing if it had to be cancelled."""
        async with AsyncExitStack() as end:
            end.push_async_callback(self.kill)
            self.approvers.restore()
            self.started_at = await self.environment.get_current_time()
            self.run = await self.start()
            await self.work()
            for step in self.scenario.steps:
                await self.perform(step)
            await self.hand_over()
            await self.work()
            return await self.finish()

    async def start(self) -> WorkflowHandle[Any, Any]:
        requests = [
            RequestInput(
                title=title_of(number), policy=request.policy, requester=request.requester, action=request.action
            )
            for number, request in enumerate(self.scenario.requests, 1)
        ]
        scenario = ScenarioInput(
            requests=tuple(requests),
            order=self.scenario.order,
            lead=self.scenario.lead,
            renews=self.scenario.renews,
        )
        return await self.environment.client.start_workflow(
            "ScenarioWorkflow", scenario, id=f"run-{self.queue}", task_queue=self.queue
        )

    async def perform(self, step: Step) -> None:
        match step.action:
            case PassTime(hours):
                await self.hand_over()
                await self.work()
                await self.environment.sleep(timedelta(hours=hours))
            case KillWorker(bridge=at, reverse=reverse):
                await self.hand_over()
                await self.kill()
                self.fuse, self.reverses = Fuse(at), reverse
            case Forge():
                await self.forge(step.action)
            case _:
                self.approvers.edit(step.action, await self.time())
        if step.delivered is not None:
            await self.store(step.delivered)
            self.missed.append(step)
        if not (step.is_dead and self.reverses):
            await self.hand_over()
        if not step.is_dead:
            await self.work()

    async def store(self, stored: StoredDecision) -> None:
        """Publish a decision, unless it is in the stream."""
        if await self.bus.get("DECISIONS", stored.place) is None:
            now = await self.time()
            self.bus.clock = lambda: now
            digest = self.digests.get(f"{self.run.id}.{stored.decision.number}")
            body = self.bodies.setdefault(
                stored.decision, self.approvers.body(stored.decision, self.run.id, self.started_at, digest)
            )
            assert await self.bus.publish_raw(RawMessage(f"decisions.{self.run.id}", body, {})) == stored.place

    async def hand_over(self) -> None:
        """Deliver what is stored and not handed over yet, last first if so planned."""
        steps, self.missed = self.missed, []
        for step in reversed(steps) if self.reverses else steps:
            if step.delivered is not None and not (step.is_redelivery and await self.is_over()):
                await self.deliver(step.delivered)
                self.handed_over.append(step.delivered.place)

    async def forge(self, forgery: Forge) -> None:
        """Signal the run past the bridge, unless it has ended."""
        places = {"nowhere": "", "gone": "DECISIONS.1000"}
        if self.handed_over:
            places["stored"] = f"DECISIONS.{self.handed_over[forgery.of % len(self.handed_over)]}"
        decision = Decision(
            workflow_id=self.run.id,
            request_id=f"{self.run.id}.{forgery.number}",
            decision=forgery.choice,
            approver=forgery.who,
            digest=self.digests.get(f"{self.run.id}.{forgery.number}", "0" * 64),
            nonce=FORGED[1:],
        )
        place = places.get(forgery.where, "")
        received = ReceivedDecision(decision_id=decision.message_id, decision=decision, place=place, roles=("legal",))
        if not await self.is_over():
            await self.environment.client.get_workflow_handle(self.run.id).signal(DECISION_SIGNAL, received)

    async def time(self) -> datetime:
        """Return Temporal's time; each call returns a later one."""
        now = (await self.environment.get_current_time()).astimezone(UTC)
        self.last_time = max(now, self.last_time + timedelta(milliseconds=1))
        return self.last_time

    async def deliver(self, stored: StoredDecision) -> None:
        """Deliver a decision to the bridge, and redeliver it if the bridge died meanwhile.

        It is not redelivered if it ended the run: the test server keeps no request ids of signals (``test_bridge``
        covers that with a real server).
        """
        was_over = await self.is_over()
        message = await self.bus.get("DECISIONS", stored.place)
        assert message is not None
        fuse, self.fuse = self.fuse, Fuse(0)
        try:
            await self.bridge(Fused(self.environment.client, fuse), Fused(self.bus, fuse)).decision(message)
        except Killed:
            if self.is_alive:
                await self.work()
            if not was_over and await self.is_over():
                return
            await self.bridge(self.environment.client, self.bus).decision(message)

    @property
    def digests(self) -> dict[str, str]:
        return {it.request_id: it.digest for it in self.bus.published if isinstance(it, ApprovalRequested)}

    def bridge(self, client: Any, bus: Any) -> Bridge:
        return Bridge(
            client,
            bus,
            StartLedger(MemoryKeyValue()),
            registry=Registry({}, ()),
            approvers=RecordedApprovers(self.approvers.file, bus),
            entries=self.claims,
            settings=TemporalSettings(task_queue=self.queue, signals_wait_seconds=0),
        )

    @property
    def policies(self) -> dict[str, Any]:
        floor, (first, *_) = self.scenario.floor, self.scenario.requests
        return {} if floor is None else {"ScenarioWorkflow": floor.settings(first)}

    async def work(self) -> None:
        """Run a worker until it has nothing left to do."""
        if not self.is_alive:
            await self.worker.enter_async_context(
                open_scripted_worker(
                    self.environment,
                    ScenarioWorkflow,
                    bus=self.bus,
                    queue=self.queue,
                    approvers=self.approvers.file,
                    verifications=self.verifications,
                    settings={"approvals": {"approvers": self.approvers.path, "policies": self.policies}},
                )
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

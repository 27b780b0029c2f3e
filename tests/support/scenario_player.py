"""Plays a story for real: a run on a time-skipping Temporal, a bridge, keys, and workers that are killed."""

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
from tests.support.scenario_workflow import Question, Script, Telling
from tests.support.scenarios.approvers import Cast, title_of
from tests.support.scenarios.scenario import Die, Pass, Scene, Story
from tests.support.scenarios.scenario import Heard as InStory
from tests.support.scripted_worker import open_scripted_worker

SETTLED: Final = timedelta(seconds=10)
"""Temporal's clock leaps over it as soon as no worker has anything to do."""


class Listening(MemoryBus):
    """A bus that also remembers what it takes for a repetition: that must say the same."""

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
class Theatre:
    """One performance."""

    environment: WorkflowEnvironment
    cast: Cast
    story: Story
    bus: Listening = field(default_factory=Listening)
    queue: str = field(default_factory=lambda: uuid4().hex)
    fuse: Fuse = field(default_factory=lambda: Fuse(0))
    worker: AsyncExitStack = field(default_factory=AsyncExitStack)
    is_alive: bool = False

    async def play(self) -> list[tuple[str, str]] | None:
        """Live through the story; returns what the run gave, or nothing if it had to be cancelled."""
        async with AsyncExitStack() as end:
            end.push_async_callback(self.kill)
            self.beginning = await self.environment.get_current_time()
            self.run = await self.begin()
            await self.work()
            for scene in self.story.scenes:
                await self.act(scene)
            await self.work()
            return await self.finish()

    async def begin(self) -> WorkflowHandle[Any, Any]:
        questions = [
            Question(title=title_of(number), policy=ask.policy, requester=ask.requester)
            for number, ask in enumerate(self.story.asks, 1)
        ]
        script = Script(questions=tuple(questions), order=self.story.order, lead=self.story.lead)
        return await self.environment.client.start_workflow(
            "Telling", script, id=f"run-{self.queue}", task_queue=self.queue
        )

    async def act(self, scene: Scene) -> None:
        match scene.step:
            case Pass(hours):
                await self.work()
                await self.environment.sleep(timedelta(hours=hours))
            case Die(bridge=at):
                await self.kill()
                self.fuse = Fuse(at)
        if scene.heard is not None and not (scene.is_redelivery and await self.is_over()):
            await self.deliver(scene.heard)
        if not scene.is_dead:
            await self.work()

    async def deliver(self, heard: InStory) -> None:
        """Let the bridge hear it, and hear it again if it died meanwhile.

        Not if that ended the run: the test server keeps no request ids of signals (see ``test_bridge`` for a real one).
        """
        was_over = await self.is_over()
        wire = RawMessage(f"decisions.{self.run.id}", self.cast.body(heard.say, self.run.id, self.beginning), {})
        said = StoredMessage(wire, "DECISIONS", heard.place, await self.environment.get_current_time(), pending=0)
        fuse, self.fuse = self.fuse, Fuse(0)
        try:
            await self.bridge(Fused(self.environment.client, fuse), Fused(self.bus, fuse)).decision(said)
        except Killed:
            if self.is_alive:
                await self.work()
            if not was_over and await self.is_over():
                return
            await self.bridge(self.environment.client, self.bus).decision(said)

    def bridge(self, client: Any, bus: Any) -> Bridge:
        return Bridge(
            client,
            bus,
            StartLedger(MemoryKeyValue()),
            registry=Registry({}, ()),
            approvers=self.cast.file,
            settings=TemporalSettings(task_queue=self.queue, signals_wait_seconds=0),
        )

    async def work(self) -> None:
        """Let a worker do what there is to do."""
        if not self.is_alive:
            await self.worker.enter_async_context(
                open_scripted_worker(self.environment, Telling, bus=self.bus, queue=self.queue)
            )
            self.is_alive = True
        async with asyncio.timeout(30):
            await self.environment.sleep(SETTLED)

    async def kill(self) -> None:
        await self.worker.aclose()
        self.is_alive = False

    async def finish(self) -> list[tuple[str, str]] | None:
        """Cancel a run that goes on waiting."""
        if not await self.is_over():
            await self.run.cancel()
        try:
            async with asyncio.timeout(30):
                return [(outcome, by) for outcome, by in await self.run.result()]
        except WorkflowFailureError:
            return None

    async def is_over(self) -> bool:
        return (await self.run.describe()).close_time is not None

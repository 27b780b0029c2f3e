"""A worker process that halts each run at the instant that its input names, until the test lets it go on.

``python -m tests.support.halting_worker <nats url> <temporal address> <folder>``. It creates ``<folder>/<run>.reached``
at the instant and waits for ``<folder>/<run>.go``.
"""

import asyncio
import sys
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError
from temporalio.worker import Worker

from perdure.bus import Bus, MemoryKeyValue, MemoryObjects, NatsKeyValue, connect
from perdure.config.settings import NatsSettings, Settings
from perdure.contracts import ENDINGS, Decision, Message, Progress
from perdure.flow.facts import PUBLISH_FACTS, FactBatch, RunEnd
from perdure.runtime.exit import exit_process
from perdure.testing.throwaway_approvers import ThrowAwayApprovers
from perdure_orchestrator.activities import worker_activities
from perdure_orchestrator.activities.publish import PublishFacts
from perdure_orchestrator.app import ENTRIES
from perdure_orchestrator.plugin import PerdurePlugin
from perdure_orchestrator.reconciler import Reconciler
from perdure_orchestrator.repetition import repeat_for_ever

__all__ = ["INSTANTS", "QUEUE", "Ending"]

INSTANTS: Final = (
    "first task before it is sent",
    "first task accepted",
    "step",
    "second task before its facts",
    "second task after its facts",
    "second task before it is sent",
    "second task accepted",
    "before the ending",
    "after the ending",
)
"""The instants of the last two workflow tasks of an ``Ending``, in order."""

QUEUE: Final = "halting"
_KNOWN: Final = Decision(
    workflow_id="w", request_id="w.1", digest="0" * 64, decision="approve", approver="bob", nonce="n"
)  # so that somebody is known, whose decisions count
_STEP_TRY: Final = timedelta(seconds=10)


@workflow.defn
class Ending:
    """Runs one step, and then completes with the number of signals, or fails with it."""

    def __init__(self) -> None:
        self._signals = 0

    @workflow.run
    async def run(self, fails: bool) -> int:
        await workflow.execute_activity(
            "step", start_to_close_timeout=_STEP_TRY, retry_policy=RetryPolicy(maximum_interval=timedelta(seconds=1))
        )
        if fails:
            raise ApplicationError(f"failed after {self._signals}")
        return self._signals

    @workflow.signal
    def poke(self) -> None:
        self._signals += 1


class Halts:
    """Where runs halt: a run id is ``<number of the instant>-…``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def at(self, instant: str, workflow_id: str) -> None:
        go, reached = (self._folder / f"{workflow_id}.{what}" for what in ("go", "reached"))
        if INSTANTS[int(workflow_id.partition("-")[0])] == instant and not go.exists():
            reached.touch()
            while not go.exists():
                await asyncio.sleep(0.02)


class HaltingBus:
    """A bus on which endings halt."""

    def __init__(self, bus: Bus, halts: Halts) -> None:
        self._bus, self._halts = bus, halts

    def __getattr__(self, name: str) -> Any:
        return getattr(self._bus, name)

    async def publish(self, message: Message) -> int:
        if not (isinstance(message, Progress) and message.kind in ENDINGS):
            return await self._bus.publish(message)
        await self._halts.at("before the ending", message.workflow_id)
        stored = await self._bus.publish(message)
        await self._halts.at("after the ending", message.workflow_id)
        return stored


class HaltingCore:
    """temporalio's core, to which completions of workflow tasks halt."""

    def __init__(self, core: Any, runs: Any, halts: Halts) -> None:
        self._core, self._runs, self._halts = core, runs, halts

    def __getattr__(self, name: str) -> Any:
        return getattr(self._core, name)

    async def complete_workflow_activation(self, completion: Any) -> None:
        run = self._runs.get(completion.run_id)
        kinds = {command.WhichOneof("variant") for command in completion.successful.commands}
        task = "first" if "schedule_activity" in kinds else "second" if any("execution" in it for it in kinds) else None
        if run is None or task is None:
            await self._core.complete_workflow_activation(completion)
            return
        await self._halts.at(f"{task} task before it is sent", run.workflow_id)
        await self._core.complete_workflow_activation(completion)
        await self._halts.at(f"{task} task accepted", run.workflow_id)


class HaltingFacts(PublishFacts):
    """The activity that publishes facts; at the end of a run it halts."""

    halts: Halts

    @activity.defn(name=PUBLISH_FACTS)
    async def run(self, batch: FactBatch) -> RunEnd | None:
        if batch.end is None:
            return await super().run(batch)
        await self.halts.at("second task before its facts", batch.end.ending.workflow_id)
        kept = await super().run(batch)
        await self.halts.at("second task after its facts", batch.end.ending.workflow_id)
        return kept


async def main(nats: str, temporal: str, folder: Path) -> None:
    """Run the worker and the reconciler until the process is killed."""
    halts = Halts(folder)
    HaltingFacts.halts = halts
    vars(worker_activities)["PublishFacts"] = HaltingFacts

    @activity.defn
    async def step() -> None:
        await halts.at("step", activity.info().workflow_id or "")

    settings = Settings.model_validate({"temporal": {"sandbox": False, "task_queue": QUEUE}, "state": folder})
    keys = ThrowAwayApprovers()
    keys.sign(_KNOWN)
    async with connect(NatsSettings(servers=(nats,)), source="perdure/test", within=20) as bus:
        halting: Any = HaltingBus(bus, halts)
        plugin = PerdurePlugin(
            settings,
            bus=halting,
            objects=MemoryObjects(),
            approvers=keys,
            verifications=MemoryKeyValue(),
        )
        client = await Client.connect(temporal, plugins=[plugin])
        worker = Worker(client, task_queue=QUEUE, workflows=[Ending], activities=[step])
        runs: Any = worker._workflow_worker  # noqa: SLF001 (between temporalio's two halves nobody else may look)
        core = runs._bridge_worker  # noqa: SLF001
        runs._bridge_worker = lambda: HaltingCore(core(), runs._running_workflows, halts)  # noqa: SLF001
        entries = NatsKeyValue(bus.js, ENTRIES)
        reconciler = Reconciler(client, halting, settings.temporal, entries=entries, ended=plugin.ended)
        async with worker:
            await repeat_for_ever(reconciler.reconcile, timedelta(seconds=0.5), what="reconcile endings")


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(main(sys.argv[1], sys.argv[2], Path(sys.argv[3])))
    exit_process(0)

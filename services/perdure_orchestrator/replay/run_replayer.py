"""Replays histories one after the other in this process, on the code and with the plugin of a worker."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Final, Self

from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer, WorkflowReplayResult

from perdure.bus import MemoryBus
from perdure.config.settings import Settings
from perdure.connections.replay_internals import observe_replays
from perdure_orchestrator.plugin import PerdurePlugin
from perdure_orchestrator.registry import Registry
from perdure_orchestrator.replay.author_workflow import missing_workflow, run_method_line
from perdure_orchestrator.replay.findings import ReplayFinding, finding_of, standstill
from perdure_orchestrator.replay.recorder import ReplayRecorder, recording_plugin

__all__ = ["Replayed", "RunReplayer"]

_LOOK_EVERY: Final = 0.1  # seconds
_STILL_LOOKS: Final = 50  # without any task: temporalio's core has given up, or waits for what will not come
_BUSY_LOOKS: Final = 200  # in one task; longer than the deadlock detector and the attempts to read a large payload take
_LEAVING_LOOKS: Final = 30  # at a run that does not leave the memory, because its code goes on
_DEADLOCK: Final = 5  # seconds
_NEVER: Final = 2**31  # bytes of a payload from which on it would be stored


@dataclass(frozen=True, slots=True)
class Replayed:
    """What came of a replay.

    Attributes:
        finding: Why the run does not replay; None if it does.
        is_spent: Whether the process cannot replay any more, because the run still holds it.
    """

    finding: ReplayFinding | None
    is_spent: bool = False


class RunReplayer:
    """A replayer, open for the duration of a block. It publishes nothing, stores nothing and calls nothing.

    Args:
        registry: The code.
        settings: The configuration of the worker; NATS is connected only for values too large for a history.
    """

    def __init__(self, registry: Registry, settings: Settings) -> None:
        temporal = settings.temporal.model_copy(update={"inline_payload_bytes": _NEVER})
        settings = settings.model_copy(update={"temporal": temporal})
        self._recorder = ReplayRecorder({name.partition(".")[0] for name in settings.workflows})
        self._observed = observe_replays(self._recorder, task_queue=temporal.task_queue, deadlock_seconds=_DEADLOCK)
        self._workflows = registry.workflows
        self._replayer = Replayer(
            workflows=list(registry.workflows.values()),
            namespace=temporal.namespace,
            plugins=[PerdurePlugin(settings, bus=MemoryBus()), recording_plugin(self._recorder)],
            build_id="replay",  # otherwise temporalio computes one of all modules
        )
        self._histories = asyncio.Queue[WorkflowHistory | None]()
        self._stack = AsyncExitStack()
        self._results: AsyncIterator[WorkflowReplayResult]

    async def __aenter__(self) -> Self:
        """Open it."""
        with self._observed:
            replays = self._replayer.workflow_replay_iterator(self._given())
            self._results = await self._stack.enter_async_context(replays)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        await self._histories.put(None)
        await self._stack.aclose()

    async def replay(self, workflow: str, history: WorkflowHistory) -> Replayed:
        """Replay a history to its end, or as far as it goes."""
        if (missing := missing_workflow(workflow, self._workflows)) is not None:
            return Replayed(missing)
        replayed = await self._replay(history)
        if replayed.finding is None or replayed.finding.line is not None or workflow not in self._workflows:
            return replayed
        return replace(replayed, finding=replace(replayed.finding, line=run_method_line(self._workflows[workflow])))

    async def _replay(self, history: WorkflowHistory) -> Replayed:
        self._recorder.begin()
        await self._histories.put(history)
        result = asyncio.ensure_future(anext(self._results))
        if not await self._ends(result):
            if self._recorder.left is None:
                return Replayed(standstill(history.events, self._recorder), is_spent=True)
            return Replayed(finding_of(history.events, self._recorder), is_spent=True)
        await result
        return Replayed(finding_of(history.events, self._recorder))

    async def _ends(self, result: asyncio.Future[WorkflowReplayResult]) -> bool:
        """Wait for the end of a replay; False if it does not go on."""
        looks, moves = 0, self._recorder.moves
        while not result.done():
            await asyncio.wait({result}, timeout=_LOOK_EVERY)
            looks = looks + 1 if moves == self._recorder.moves else 0
            moves = self._recorder.moves
            if looks > self._most_looks():
                return False
        return True

    def _most_looks(self) -> int:
        if self._recorder.left is not None:
            return _LEAVING_LOOKS
        return _BUSY_LOOKS if self._recorder.is_busy else _STILL_LOOKS

    async def _given(self) -> AsyncIterator[WorkflowHistory]:
        while (history := await self._histories.get()) is not None:
            yield history

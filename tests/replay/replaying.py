"""Replays one history as a worker of production would, and looks at what a replay does not compare by itself."""

import asyncio
import re
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

from pydantic_core import to_jsonable_python
from temporalio import workflow
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import WorkflowHistory
from temporalio.converter import DataConverter
from temporalio.exceptions import FailureError, is_cancelled_exception
from temporalio.worker import (
    ExecuteWorkflowInput,
    Interceptor,
    Replayer,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
)
from temporalio.worker._workflow import _WorkflowWorker

from perdure.bus import MemoryBus, MemoryObjects
from perdure.config.settings import Settings
from perdure.connections.temporal import converter
from perdure.flow.payload_store import payload_storage
from perdure_orchestrator.plugin import PerdurePlugin
from tests.replay.corpus import PAYLOADS, registry, workflow_id_of

__all__ = ["Replayed", "replay"]

_WITHIN: Final = 30.0  # seconds; a busy machine takes its time

_NEVER_BEGAN: Final = "Failed decoding arguments"
"""The failure of a run whose code was never executed."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """What came of a replay.

    Attributes:
        recorded: What the run gave or why it failed, as its history has it; nothing if it has not ended so.
        outcome: The same, as the replay has it; in the sandbox nobody can look, and it is what is recorded.
        patches: Which patches were asked for, and what the answers were; likewise.
    """

    recorded: Any
    outcome: Any
    patches: frozenset[tuple[str, bool]]


class _PatientWorker(_WorkflowWorker):
    """Takes a task that lasts longer than two seconds for no deadlock: on a busy machine a long history does."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._deadlock_timeout_seconds = round(_WITHIN)


async def replay(file: Path, *, sandboxed: bool) -> Replayed:
    """Replay a recorded file.

    Raises:
        NondeterminismError: The code of today does something else than what is recorded.
        TimeoutError: Likewise; temporalio does not notice each time.
    """
    history = WorkflowHistory.from_json(workflow_id_of(file), file.read_text())
    began = history.events[0].workflow_execution_started_event_attributes
    objects = await _objects_beside(file)
    writes = converter(payload_storage(objects, 1))
    watch = _Watch()
    settings = Settings.model_validate({"temporal": {"sandbox": sandboxed, "inline_payload_bytes": 1}})
    replayer = Replayer(
        workflows=[registry().workflows[began.workflow_type.name]],  # the sandbox imports each that is named
        interceptors=[] if sandboxed else [watch],
        plugins=[PerdurePlugin(settings, bus=MemoryBus(), objects=objects)],
        build_id="replay",  # otherwise temporalio computes one for each replayer
    )
    with watch.watching(), patch("temporalio.worker._replayer._WorkflowWorker", _PatientWorker):
        async with asyncio.timeout(_WITHIN):
            await replayer.replay_workflow(history)
    recorded = await _ending(history.events[-1], writes)
    return Replayed(recorded, recorded if sandboxed else watch.outcome, frozenset(watch.patches))


class _Watch(Interceptor):
    """Sees what the run gives, and which patches it asks for."""

    def __init__(self) -> None:
        self.outcome: Any = None
        self.patches = set[tuple[str, bool]]()

    def watching(self) -> ExitStack:
        patched, stack = workflow.patched, ExitStack()

        def watched(patch_id: str) -> bool:
            answer = patched(patch_id)
            self.patches.add((re.sub(r"-\d+$", "", patch_id), answer))
            return answer

        stack.enter_context(patch.object(workflow, "patched", watched))
        return stack

    def workflow_interceptor_class(self, input: WorkflowInterceptorClassInput) -> type[WorkflowInboundInterceptor]:  # noqa: A002, ARG002 (theirs)
        watch = self

        class Watching(WorkflowInboundInterceptor):
            async def execute_workflow(self, input: ExecuteWorkflowInput) -> Any:  # noqa: A002 (theirs)
                try:
                    result = await super().execute_workflow(input)
                except FailureError as error:
                    watch.outcome = None if is_cancelled_exception(error) else error.message
                    raise
                watch.outcome = to_jsonable_python(result)
                return result

        return Watching


async def _objects_beside(file: Path) -> MemoryObjects:
    objects = MemoryObjects()
    for kept in (file.parent / PAYLOADS).glob("*"):
        await objects.put(kept.name, kept.read_bytes())
    return objects


async def _ending(event: HistoryEvent, writes: DataConverter) -> Any:
    if event.HasField("workflow_execution_completed_event_attributes"):
        [result] = await writes.decode(event.workflow_execution_completed_event_attributes.result.payloads)
        return result
    message = event.workflow_execution_failed_event_attributes.failure.message
    return message if message and message != _NEVER_BEGAN else None

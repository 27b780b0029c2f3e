"""A step says when it starts and how it ends, from the worker that runs it: this costs no Temporal task."""

import asyncio
import time
from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any, Final

from opentelemetry import trace
from temporalio import activity
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.exceptions import ApplicationError
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput

from perdure.bus import Bus
from perdure.bus.settlement import backoff_seconds
from perdure.contracts import Progress, ProgressKind
from perdure.errors import Unavailable
from perdure.flow.facts import STEP_HEADER, StepHeader
from perdure.flow.messages import ModelResult, ToolResult
from perdure_orchestrator.activities.heartbeat import heartbeating
from perdure_orchestrator.activities.step_notes import StepNotes, step_notes
from perdure_orchestrator.interceptors import gen_ai
from perdure_orchestrator.publish_log import PublishLog

__all__ = ["StepInterceptor"]

_tracer: Final = trace.get_tracer("perdure.steps")


class StepInterceptor(ActivityInboundInterceptor):
    """Around each attempt of each step that the run numbered."""

    def __init__(
        self,
        next: ActivityInboundInterceptor,  # noqa: A002 (theirs)
        bus: Bus,
        said: PublishLog,
        saying: set[asyncio.Task[None]],
    ) -> None:
        super().__init__(next)
        self._said = said
        self._bus = bus
        self._saying = saying

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002 (theirs)
        """Run the step between its two facts; its result waits for them as long as it safely can: no gaps."""
        payload = input.headers.get(STEP_HEADER)
        if payload is None:
            return await super().execute_activity(input)
        header: StepHeader = pydantic_data_converter.payload_converter.from_payload(payload, StepHeader)
        attributes = {**_attributes(header), **gen_ai.of_step(input.args)}
        with _tracer.start_as_current_span(f"step {header.name}", attributes=attributes):
            began = time.monotonic()
            started = asyncio.create_task(self._say_start(header))
            try:
                with step_notes(self._voice(header)):
                    result = await super().execute_activity(input)
            except BaseException as error:
                await self._patiently(self._say_after(started, _fact(header, "step_failed", _sentence(error))), began)
                raise
            usage = result.usage if isinstance(result, ModelResult | ToolResult) else None
            await self._patiently(self._say_after(started, _fact(header, "step_completed", usage=usage)), began)
            return result

    def _voice(self, header: StepHeader) -> StepNotes:
        async def note(text: str, part: int) -> None:
            await self._bus.publish(_fact(header, "note", result=text, part=part))

        return StepNotes(note)

    async def _patiently(self, saying: Coroutine[None, None, None], began: float) -> None:
        """Wait until it is said, but not for so long that Temporal gives the step up: then it is said afterwards."""
        task = asyncio.create_task(saying)
        self._saying.add(task)
        task.add_done_callback(self._saying.discard)
        async with heartbeating():
            await asyncio.wait({task}, timeout=_patience(began))

    async def _say_start(self, header: StepHeader) -> None:
        if header.beginning is not None:
            await self._say(header.beginning)
        await self._say(_fact(header, "step_started"))

    async def _say_after(self, started: asyncio.Task[None], fact: Progress) -> None:
        await asyncio.gather(started, self._say(fact))

    async def _say(self, fact: Progress) -> None:
        """Say a fact, however long the bus takes."""
        tries = 0
        while True:
            try:
                await self._bus.publish(fact)
            except Unavailable:
                tries += 1
                await asyncio.sleep(backoff_seconds(tries))
            else:
                self._said.record(fact)
                return


def _patience(began: float) -> float | None:
    """Return half the seconds that are left to this attempt, by our own clock."""
    timeout = activity.info().start_to_close_timeout
    if timeout is None:
        return None
    return max(0.0, (began + timeout.total_seconds() - time.monotonic()) / 2)


def _fact(header: StepHeader, kind: ProgressKind, error: str | None = None, **more: Any) -> Progress:
    info = activity.info()
    return Progress(
        workflow=info.workflow_type or "",
        workflow_id=info.workflow_id or "",
        run_id=info.workflow_run_id or "",
        sequence=header.sequence + (kind in {"step_completed", "step_failed"}),
        kind=kind,
        step=header.name,
        attempt=info.attempt,
        event_id=header.event_id,
        at=datetime.now(UTC),
        error=error,
        **more,
    )


def _attributes(header: StepHeader) -> dict[str, str | int]:
    info = activity.info()
    return {
        "perdure.workflow_id": info.workflow_id or "",
        "perdure.step": header.name,
        "perdure.attempt": info.attempt,
        "perdure.sequence": header.sequence,
    }


def _sentence(error: BaseException) -> str:
    if isinstance(error, ApplicationError):
        return error.message
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__

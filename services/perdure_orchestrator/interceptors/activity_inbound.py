"""Publishes the start and the end of each step from the worker that runs it: this costs no Temporal task."""

import asyncio
import time
from collections.abc import Awaitable
from datetime import UTC, datetime
from typing import Any, Final

from opentelemetry import trace
from opentelemetry.trace import StatusCode
from structlog.contextvars import bound_contextvars
from temporalio import activity
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import ActivityInboundInterceptor, ActivityOutboundInterceptor, ExecuteActivityInput

from perdure.bus import Bus
from perdure.bus.settlement import backoff_seconds
from perdure.connections.temporal_internals import is_completed_elsewhere
from perdure.contracts import Progress, ProgressKind
from perdure.errors import Unavailable
from perdure.flow.error_text import Redact, placed_error_text
from perdure.flow.facts import STEP_HEADER, StepHeader
from perdure.flow.messages import ModelResult, ToolResult
from perdure.values.author_code import author_packages
from perdure_orchestrator.activities.heartbeat import heartbeating
from perdure_orchestrator.activities.step_notes import StepNotes, step_notes
from perdure_orchestrator.blocking_steps import BlockingSteps
from perdure_orchestrator.interceptors import gen_ai
from perdure_orchestrator.interceptors.step_heartbeat import StepHeartbeat
from perdure_orchestrator.publish_log import PublishLog
from perdure_orchestrator.publish_once import publish_once, tried_since
from perdure_orchestrator.running_steps import RunningSteps

__all__ = ["StepInterceptor"]

_tracer: Final = trace.get_tracer("perdure.steps")


class StepInterceptor(ActivityInboundInterceptor):
    """Wraps each attempt of each step that the run numbered; other activities pass through.

    A step that somebody else completes (``activity.raise_complete_async``) has only its start from here: its end is
    published with the end of the run, which knows it.
    """

    def __init__(  # noqa: PLR0913 (its ports)
        self,
        next: ActivityInboundInterceptor,  # noqa: A002 (temporalio's signature)
        bus: Bus,
        log: PublishLog,
        publishing: set[asyncio.Future[None]],
        *,
        blocking: BlockingSteps,
        redact: Redact,
        running: RunningSteps,
    ) -> None:
        super().__init__(next)
        self._bus = bus
        self._log = log
        self._publishing = publishing
        self._blocking = blocking
        self._redact = redact
        self._running = running

    def init(self, outbound: ActivityOutboundInterceptor) -> None:
        """Put a ``StepHeartbeat`` between the step and Temporal."""
        self._heartbeat = StepHeartbeat(outbound)
        super().init(self._heartbeat)

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002 (temporalio's signature)
        """Run the step between its two facts; its result waits for them as long as the timeout safely allows."""
        info = activity.info()
        ids = bound_contextvars(workflow_id=info.workflow_id, run_id=info.workflow_run_id, activity=info.activity_type)
        with self._running.counted(), self._blocking.executing(input.fn), ids:
            return await self._execute(input)

    async def _execute(self, input: ExecuteActivityInput) -> Any:  # noqa: A002 (temporalio's signature)
        payload = input.headers.get(STEP_HEADER)
        if payload is None:
            return await super().execute_activity(input)
        header: StepHeader = pydantic_data_converter.payload_converter.from_payload(payload, StepHeader)
        attributes = {**_attributes(header), **gen_ai.of_step(input.args)}
        with _tracer.start_as_current_span(f"step {header.name}", attributes=attributes) as span:
            began = time.monotonic()
            started = asyncio.create_task(self._publish_start(header))
            try:
                async with self._heartbeat.beating(wanted=header.heartbeats):
                    with step_notes(self._notes(header)):
                        result = await super().execute_activity(input)
            except BaseException as error:
                if is_completed_elsewhere(error):
                    await self._wait_safely(started, began)
                    raise
                failed = _fact(header, "step_failed", self._error_text(input, error))
                await self._wait_safely(self._publish_after(started, failed), began)
                raise
            end = _end(header, result)
            if end.error is not None:
                span.set_status(StatusCode.ERROR, end.error)
            await self._wait_safely(self._publish_after(started, end), began)
            return result

    def _error_text(self, input: ExecuteActivityInput, error: BaseException) -> str:  # noqa: A002 (temporalio's signature)
        return placed_error_text(error, author_packages(input.fn.__module__), self._redact)

    def _notes(self, header: StepHeader) -> StepNotes:
        async def publish(text: str, part: int) -> None:
            await self._bus.publish(_fact(header, "note", result=text, part=part))

        return StepNotes(publish)

    async def _wait_safely(self, publishing: Awaitable[None], began: float) -> None:
        """Wait for the facts, at most half the time that Temporal still gives; they are published in any case."""
        task = asyncio.ensure_future(publishing)
        self._publishing.add(task)
        task.add_done_callback(self._publishing.discard)
        async with heartbeating(self._heartbeat.details):
            await asyncio.wait({task}, timeout=_half_of_time_left(began))

    async def _publish_start(self, header: StepHeader) -> None:
        if header.beginning is not None:
            await self._publish(header.beginning)
        await self._publish(_fact(header, "step_started"))

    async def _publish_after(self, started: asyncio.Task[None], fact: Progress) -> None:
        await asyncio.gather(started, self._publish(fact))

    async def _publish(self, fact: Progress) -> None:
        """Publish a fact, however long the bus is away."""
        tries, since = 0, tried_since()
        while True:
            try:
                await publish_once(self._bus, fact, tried_since=since)
            except Unavailable:
                tries += 1
                await asyncio.sleep(backoff_seconds(tries))
            else:
                self._log.record(fact)
                return


def _end(header: StepHeader, result: object) -> Progress:
    """Return the fact about a step that returned; a tool's result may be that it failed."""
    usage = result.usage if isinstance(result, ModelResult | ToolResult) else None
    error = result.failure if isinstance(result, ToolResult) else None
    return _fact(header, "step_completed" if error is None else "step_failed", error, usage=usage)


def _half_of_time_left(began: float) -> float | None:
    """Return half the seconds left to this attempt, by the monotonic clock."""
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
        key=header.key,
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

"""Plugs the interceptors that publish progress into a worker."""

import asyncio
from collections.abc import Callable
from typing import Any

from temporalio.worker import (
    ActivityInboundInterceptor,
    Interceptor,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
)

from perdure.bus import Bus
from perdure.flow.bugs import BUGS_WAIT
from perdure.flow.error_text import Redact
from perdure_orchestrator.blocking_steps import BlockingSteps
from perdure_orchestrator.endings import WorkerEndings
from perdure_orchestrator.failure_log import no_text
from perdure_orchestrator.interceptors.activity_inbound import StepInterceptor
from perdure_orchestrator.interceptors.failures import LOG_REDACT, REDACT
from perdure_orchestrator.interceptors.workflow_inbound import RunInterceptor
from perdure_orchestrator.interceptors.workflow_outbound import HIDES_SUMMARIES
from perdure_orchestrator.publish_log import PublishLog
from perdure_orchestrator.running_steps import RunningSteps

__all__ = ["ProgressInterceptor"]


class ProgressInterceptor(Interceptor):
    """Publishes the progress of every run and every step of a worker.

    Attributes:
        endings: Publishes the endings of runs.
        blocking: Names the activities that block the event loop.
        running: Counts the steps that run.
    """

    def __init__(self, bus: Bus, log: PublishLog, *, bugs_wait: bool, redact: Redact, encrypted: bool) -> None:
        self._bus = bus
        self._redact = redact
        self._encrypted = encrypted
        self._bugs_wait = bugs_wait
        self._log = log
        self._publishing: set[asyncio.Future[None]] = set()
        self.endings = WorkerEndings(bus, log, self._publishing)
        self.blocking = BlockingSteps(bus)
        self.running = RunningSteps()

    async def all_published(self, within: float) -> None:
        """Wait, at most so many seconds, for the facts of steps and runs that ended while the bus was away."""
        if self._publishing:
            await asyncio.wait(self._publishing, timeout=within)

    def give_up(self) -> None:
        """Stop publishing facts that the bus has not taken yet: those that a run misses come with its end."""
        self.endings.give_up()
        for publishing in self._publishing:
            publishing.cancel()

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002 (temporalio's signature)
        """Publish the facts of each step."""
        return StepInterceptor(
            next,
            self._bus,
            self._log,
            self._publishing,
            blocking=self.blocking,
            redact=self._redact,
            running=self.running,
        )

    def workflow_interceptor_class(self, input: WorkflowInterceptorClassInput) -> type[WorkflowInboundInterceptor]:  # noqa: A002 (temporalio's signature)
        """Number the facts of each run, and publish its beginning and its end."""
        own: dict[str, Callable[..., Any]] = {
            BUGS_WAIT: lambda: self._bugs_wait,
            REDACT: self._redact,
            LOG_REDACT: no_text if self._encrypted else self._redact,
            HIDES_SUMMARIES: lambda: self._encrypted,
        }
        input.unsafe_extern_functions.update({**self.endings.functions, **own})
        return RunInterceptor

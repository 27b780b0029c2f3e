"""Where the two sides of progress are plugged into a Temporal worker."""

import asyncio

from temporalio.worker import (
    ActivityInboundInterceptor,
    Interceptor,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
)

from perdure.bus import Bus
from perdure_orchestrator.interceptors.activity import StepInterceptor
from perdure_orchestrator.interceptors.workflow import RunInterceptor
from perdure_orchestrator.publish_log import PublishLog

__all__ = ["ProgressInterceptor"]


class ProgressInterceptor(Interceptor):
    """Makes every run and every step of a worker heard."""

    def __init__(self, bus: Bus, said: PublishLog) -> None:
        self._bus = bus
        self._said = said
        self._saying: set[asyncio.Task[None]] = set()

    async def all_published(self, within: float) -> None:
        """Wait, at most so many seconds, for the facts of steps that ended while the bus was away."""
        if self._saying:
            await asyncio.wait(self._saying, timeout=within)

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002 (theirs)
        """Say the facts of each step."""
        return StepInterceptor(next, self._bus, self._said, self._saying)

    def workflow_interceptor_class(self, input: WorkflowInterceptorClassInput) -> type[WorkflowInboundInterceptor]:  # noqa: A002, ARG002 (theirs)
        """Number the facts of each run, and say its beginning and its end."""
        return RunInterceptor

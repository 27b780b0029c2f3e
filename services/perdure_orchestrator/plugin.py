"""Perdure as a temporalio plugin: what a client, worker or replayer needs to run agents and approvals.

Data converter, external storage, interceptors, sandbox, failure types, logic flags, built-in workflows and activities
are put together here and nowhere else.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from opentelemetry import trace
from temporalio.client import ClientConfig
from temporalio.contrib.opentelemetry import OpenTelemetryInterceptor, ReplaySafeTracerProvider
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.converter import DataConverter
from temporalio.plugin import SimplePlugin
from temporalio.worker import Worker, WorkerConfig

from perdure.bus import Bus, Objects
from perdure.config.settings import Settings
from perdure.connections.temporal import converter
from perdure.connections.temporal_internals import LeanDataConverter, enable_single_batch_activation
from perdure.errors import SetupError
from perdure_orchestrator.activities import AgentBackends, WorkerActivities
from perdure_orchestrator.interceptors import FAILURE_TYPES, ProgressInterceptor
from perdure_orchestrator.nats_connection import NatsConnection
from perdure_orchestrator.payload_store import payload_storage
from perdure_orchestrator.publish_log import PublishLog
from perdure_orchestrator.sandbox import workflow_runner
from perdure_orchestrator.workflows import DocumentAnalysis, DocumentBatch

__all__ = ["PerdurePlugin"]

_BUILT_IN: Final = (DocumentAnalysis, DocumentBatch)
_REPLACEABLE: Final = (DataConverter.default, pydantic_data_converter)
_PUBLISHED_WITHIN: Final = 10.0  # seconds that a stopping worker waits for facts which the bus has not taken yet


class PerdurePlugin(SimplePlugin):
    """Runs Perdure's agents, approvals and progress on any temporalio worker.

    ``Client.connect(..., plugins=[plugin])`` is enough: workers of that client take the plugin over. A ``Replayer``
    takes ``plugins=[plugin]``. Spans are recorded if the global tracer provider was made by
    ``temporalio.contrib.opentelemetry.create_tracer_provider``.

    Args:
        settings: The configuration of NATS, models, MCP servers, agents and limits.
        bus: Where facts are published. By default the plugin connects to the configured NATS with the role
            ``orchestrator`` when a worker starts or a large payload is read or written, and closes this connection
            with its last worker or by ``aclose``.
        objects: Where large payloads and long conversations are stored; by default in that NATS.
        backends: The models and MCP servers of agents; by default those of the configuration.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        bus: Bus | None = None,
        objects: Objects | None = None,
        backends: AgentBackends | None = None,
    ) -> None:
        connection = NatsConnection(settings.nats)
        self._own_connection = connection if bus is None or objects is None else None
        self._settings = settings
        self._bus = connection.bus if bus is None else bus
        self._objects = connection.objects if objects is None else objects
        log = PublishLog()
        self._progress = ProgressInterceptor(self._bus, log)
        self._activities = WorkerActivities(settings, self._bus, self._objects, log, backends=backends)
        self._running_workers = 0
        self._executors: list[ThreadPoolExecutor] = []
        super().__init__(
            "perdure.PerdurePlugin",
            data_converter=converter(payload_storage(self._objects, settings.temporal.inline_payload_bytes)),
            interceptors=[*_tracing(), self._progress],
            workflows=_with_built_in,
            workflow_runner=lambda given: workflow_runner(given, sandboxed=settings.temporal.sandbox),
            workflow_failure_exception_types=FAILURE_TYPES,
        )

    def configure_client(self, config: ClientConfig) -> ClientConfig:
        """Let the client write payloads as the worker reads them.

        Raises:
            SetupError: The client has a data converter of its own.
        """
        given = config.get("data_converter", DataConverter.default)
        if given not in _REPLACEABLE and not isinstance(given, LeanDataConverter):
            raise SetupError("PerdurePlugin brings its own data converter: do not pass another one to the client.")
        return super().configure_client(config)

    def configure_worker(self, config: WorkerConfig) -> WorkerConfig:
        """Add interceptors, activities and workflows to a worker.

        Raises:
            SetupError: The worker's client was made without this plugin.
        """
        converter = config["client"].data_converter
        if not isinstance(converter, LeanDataConverter):
            raise SetupError("The worker's client was made without the plugin: Client.connect(..., plugins=[plugin]).")
        config = super().configure_worker(config)
        modules = [workflow.__module__ for workflow in config.get("workflows") or ()]
        config["activities"] = [*(config.get("activities") or ()), *self.worker_activities(modules)]
        if config.get("activity_executor") is None:  # for activities that are plain functions
            threads = config.get("max_concurrent_activities") or self._settings.orchestrator.max_concurrent_steps
            config["activity_executor"] = executor = ThreadPoolExecutor(threads)
            config["max_concurrent_activities"] = threads
            self._executors.append(executor)
        return config

    def worker_activities(self, modules: Iterable[str]) -> list[Callable[..., Any]]:
        """Return Perdure's activities for a worker whose workflows stand in these modules."""
        return self._activities.of(modules)

    async def run_worker(self, worker: Worker, next: Callable[[Worker], Awaitable[None]]) -> None:  # noqa: A002 (temporalio's signature)
        """Run a worker, and close what only it has used; activities that still run may end first."""
        enable_single_batch_activation(worker)
        self._running_workers += 1
        try:
            if self._own_connection is not None:
                await self._own_connection.open()
            await super().run_worker(worker, next)
        finally:
            self._running_workers -= 1
            await self._progress.all_published(_PUBLISHED_WITHIN)
            if not self._running_workers:
                await self._activities.close()
                await self.aclose()
                for executor in self._executors:
                    executor.shutdown(wait=False)
                self._executors.clear()

    async def aclose(self) -> None:
        """Close the plugin's own connection to NATS; one that was passed in stays open."""
        if self._own_connection is not None:
            await self._own_connection.close()


def _tracing() -> list[OpenTelemetryInterceptor]:
    """Return the interceptor of temporalio's tracing, which accepts only a replay-safe tracer provider."""
    is_safe = isinstance(trace.get_tracer_provider(), ReplaySafeTracerProvider)
    return [OpenTelemetryInterceptor()] if is_safe else []


def _with_built_in(given: Sequence[type] | None) -> Sequence[type]:
    own = list(given or ())
    return [*own, *(workflow for workflow in _BUILT_IN if workflow not in own)]

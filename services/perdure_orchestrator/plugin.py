"""Perdure as a temporalio plugin: what clients, workers and replayers need for agents and approvals, put together."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import replace
from typing import Any, Final

from opentelemetry import trace
from temporalio.client import ClientConfig, WorkflowHistory
from temporalio.contrib.opentelemetry import OpenTelemetryInterceptor, ReplaySafeTracerProvider
from temporalio.plugin import SimplePlugin
from temporalio.worker import Replayer, ReplayerConfig, Worker, WorkerConfig, WorkflowReplayResult

from perdure.approvers import ApproversFile
from perdure.bus import Bus, KeyValue, MemoryKeyValue, NatsKeyValue, Objects
from perdure.bus.content import content_of
from perdure.bus.views.recorded_approvers import RecordedApprovers
from perdure.config.settings import Settings
from perdure.connections.temporal_internals import enable_single_batch_activation
from perdure.encryption import key_source
from perdure.flow.payload_store import payload_storage
from perdure_orchestrator.activities import AgentBackends, WorkerActivities
from perdure_orchestrator.agents.configured_keys import configured_keys
from perdure_orchestrator.agents.redaction import Redactor
from perdure_orchestrator.connected_worker import run_connected
from perdure_orchestrator.decision_verifier import VERIFICATIONS, DecisionVerifier
from perdure_orchestrator.endings import EndedRuns
from perdure_orchestrator.failure_converter import failure_converter
from perdure_orchestrator.failure_log import no_text, redacted_failures
from perdure_orchestrator.identified_decision import Approvers
from perdure_orchestrator.interceptors import FAILURE_TYPES, ProgressInterceptor
from perdure_orchestrator.nats_connection import NatsConnection
from perdure_orchestrator.own_executor import OwnExecutor
from perdure_orchestrator.plugin_checks import NAME, choose_converter, refuse_client, refuse_second
from perdure_orchestrator.publish_log import PublishLog
from perdure_orchestrator.registry import refuse_reserved_names
from perdure_orchestrator.sandbox import workflow_runner
from perdure_orchestrator.workflows import DocumentAnalysis, DocumentBatch

__all__ = ["PerdurePlugin"]

_BUILT_IN: Final = (DocumentAnalysis, DocumentBatch)
_TUNED_THREADS: Final = 500  # at most, made when needed; temporalio's own limit of the slots that a tuner gives
_NO_NAMESPACE: Final = "ReplayNamespace"  # what a Replayer has that was given none
_PUBLISHED_WITHIN: Final = 10.0  # seconds that a stopping worker waits for facts which the bus has not taken yet

_RunReplayer = Callable[
    [Replayer, AsyncIterator[WorkflowHistory]], AbstractAsyncContextManager[AsyncIterator[WorkflowReplayResult]]
]


class PerdurePlugin(SimplePlugin):
    """Runs Perdure's agents, approvals and progress on any temporalio worker.

    ``Client.connect(..., plugins=[plugin])`` is enough: workers of that client take the plugin over. A ``Replayer``
    takes ``plugins=[plugin]``. Give it once, after a plugin that brings a pydantic data converter of its own. Spans of
    runs are recorded if the global tracer provider was made by
    ``temporalio.contrib.opentelemetry.create_tracer_provider``, those of steps by any provider.

    Args:
        settings: The configuration of NATS, models, MCP servers, agents and limits.
        bus: Where facts are published; by default the configured NATS, with the role ``orchestrator``, while used.
        objects: Where large payloads and long conversations are stored; by default in that NATS.
        backends: The models and MCP servers of agents; by default those of the configuration.
        approvers: Whose signatures count; by default the approvers file of the configuration, which must lie where the
            worker runs, since it verifies each decision itself.
        verifications: Where the first verdict on each decision is kept; by default there, or in memory with your bus.

    Attributes:
        verifier: Verifies decisions for the runs of this process.
    """

    def __init__(  # noqa: PLR0913 (its ports)
        self,
        settings: Settings,
        *,
        bus: Bus | None = None,
        objects: Objects | None = None,
        backends: AgentBackends | None = None,
        approvers: Approvers | None = None,
        verifications: KeyValue | None = None,
    ) -> None:
        connection = NatsConnection(settings.nats, content_of(settings))
        self._own_connection = connection if bus is None or objects is None else None
        self._settings = settings
        self._bus = connection.bus if bus is None else bus
        self._objects = connection.objects if objects is None else objects
        log = PublishLog()
        redactor = Redactor()
        for key in configured_keys(settings):
            redactor.add(key)
        self._redact = redactor.redact
        keys = key_source(settings.encryption)
        self._log_redact = self._redact if keys is None else no_text
        bugs_wait = settings.temporal.on_bug == "wait"
        self._progress = ProgressInterceptor(
            self._bus, log, bugs_wait=bugs_wait, redact=self._redact, encrypted=keys is not None
        )
        if verifications is None:
            verifications = NatsKeyValue(connection.bus.js, VERIFICATIONS) if bus is None else MemoryKeyValue()
        if approvers is None:
            approvers = RecordedApprovers(ApproversFile(settings.approvers_file), self._bus)
        self.verifier = DecisionVerifier(self._bus, approvers, verifications)
        interceptors = [*_tracing(), self._progress]
        self._activities = WorkerActivities(
            *(settings, self._bus, self._objects, log),
            verifier=self.verifier,
            redactor=redactor,
            backends=backends,
            interceptors=interceptors,
        )
        self._running_workers = 0
        storage = payload_storage(self._objects, settings.temporal.inline_payload_bytes)
        failures = failure_converter(self._redact, encrypted=keys is not None)
        self._shown_failures = failure_converter(self._redact)
        super().__init__(
            NAME,
            data_converter=lambda given: choose_converter(given, storage, failures, keys),
            interceptors=interceptors,
            workflows=_with_built_in,
            workflow_runner=lambda given: workflow_runner(
                given, sandboxed=settings.temporal.sandbox, contexts=keys is not None
            ),
            workflow_failure_exception_types=FAILURE_TYPES,
        )

    @property
    def ended(self) -> EndedRuns:
        """The runs whose endings the workers of this process have published."""
        return self._progress.endings.ended

    @property
    def running_steps(self) -> int:
        """How many steps run in this process now."""
        return self._progress.running.count

    def configure_client(self, config: ClientConfig) -> ClientConfig:
        """Let the client write payloads as the worker reads them.

        Raises:
            SetupError: The client has a data converter of its own, or the plugin twice.
        """
        refuse_second(config["plugins"], ())
        return super().configure_client(config)

    def configure_replayer(self, config: ReplayerConfig) -> ReplayerConfig:
        """Let a replayer read payloads, and run workflows as a worker does.

        Raises:
            SetupError: The replayer has a data converter of its own, or the plugin twice.
        """
        refuse_second((), config.get("interceptors"))
        if config.get("namespace") == _NO_NAMESPACE:  # an encrypted payload is bound to that of its run
            config["namespace"] = self._settings.temporal.namespace
        config = super().configure_replayer(config)
        # Nothing stores the failures of a replay: its user may read them.
        config["data_converter"] = replace(config["data_converter"], failure_converter_class=self._shown_failures)
        return config

    def configure_worker(self, config: WorkerConfig) -> WorkerConfig:
        """Add interceptors, activities and workflows to a worker.

        Raises:
            SetupError: The worker's client was made without this plugin or is in another namespace, or the worker has
                the plugin twice, or one of its workflows handles a reserved name.
        """
        refuse_second((), config.get("interceptors"))
        refuse_client(config["client"], self._settings.temporal.namespace)
        refuse_reserved_names(config.get("workflows") or ())
        config = super().configure_worker(config)
        modules = [workflow.__module__ for workflow in config.get("workflows") or ()]
        config["activities"] = [*(config.get("activities") or ()), *self.worker_activities(modules)]
        if config.get("activity_executor") is None:  # for activities that are plain functions
            threads = _TUNED_THREADS
            if config.get("tuner") is None:
                threads = config.get("max_concurrent_activities") or self._settings.orchestrator.max_concurrent_steps
                config["max_concurrent_activities"] = threads
            config["activity_executor"] = OwnExecutor(threads)
        return config

    def worker_activities(self, modules: Iterable[str]) -> list[Callable[..., Any]]:
        """Return Perdure's activities for a worker whose workflows stand in these modules."""
        return self._activities.of(modules)

    async def run_worker(self, worker: Worker, next: Callable[[Worker], Awaitable[None]]) -> None:  # noqa: A002 (temporalio's signature)
        """Run a worker, and close what only it has used; activities that still run may end first.

        Raises:
            SetupError: The credentials of NATS cannot be read, or NATS rejects them.
        """
        enable_single_batch_activation(worker)
        self._progress.endings.watch(worker)
        self._running_workers += 1
        # Workers of one plugin share a loop, and the first of them is enough to watch it.
        watched = self._progress.blocking.watched() if self._running_workers == 1 else nullcontext()
        async with self._connection_used():
            try:
                with watched, redacted_failures(self._log_redact):
                    await self._run_to_its_end(worker, next)
            finally:
                await self._progress.all_published(_PUBLISHED_WITHIN)
                await self._close_resources_of(worker)

    async def _run_to_its_end(self, worker: Worker, next: Callable[[Worker], Awaitable[None]]) -> None:  # noqa: A002 (as above)
        """Run a worker, and the steps on its own queue, which are to be published as all others."""
        try:
            if self._own_connection is None:
                await super().run_worker(worker, next)
            else:
                await run_connected(self._own_connection, worker, next)
        finally:
            self._running_workers -= 1
            if not self._running_workers:
                await self._activities.close_own_queues()

    @asynccontextmanager
    async def run_replayer(
        self,
        replayer: Replayer,
        histories: AsyncIterator[WorkflowHistory],
        next: _RunReplayer,  # noqa: A002 (temporalio's signature)
    ) -> AsyncIterator[AsyncIterator[WorkflowReplayResult]]:
        """Replay histories, and connect at most once for all their payloads."""
        async with self._connection_used(), super().run_replayer(replayer, histories, next) as results:
            yield results

    def _connection_used(self) -> AbstractAsyncContextManager[None]:
        return nullcontext() if self._own_connection is None else self._own_connection.used()

    async def _close_resources_of(self, worker: Worker) -> None:
        executor = worker.config(active_config=True).get("activity_executor")
        if isinstance(executor, OwnExecutor):
            executor.shutdown(wait=False)
        if not self._running_workers:
            self._progress.give_up()
            await self._activities.close()


def _tracing() -> list[OpenTelemetryInterceptor]:
    """Return the interceptor of temporalio's tracing, which accepts only a replay-safe tracer provider."""
    is_safe = isinstance(trace.get_tracer_provider(), ReplaySafeTracerProvider)
    return [OpenTelemetryInterceptor()] if is_safe else []


def _with_built_in(given: Sequence[type] | None) -> Sequence[type]:
    own = list(given or ())
    return [*own, *(workflow for workflow in _BUILT_IN if workflow not in own)]

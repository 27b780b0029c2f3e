"""The orchestrator, put together: a bridge from the bus to Temporal and a worker that runs workflows and steps.

They share a process and a client by default: then starts are eager, which saves a hop (see ``--role``).
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, Final, Literal

from temporalio.client import Client
from temporalio.worker import Worker

from perdure.approvers import ApproversFile
from perdure.bus import Bus
from perdure.bus.app import App, Responder, Subscription
from perdure.bus.objects import Objects
from perdure.bus.views.start_ledger import StartLedger
from perdure.config.settings import Settings
from perdure.contracts.runs import DESCRIBE_RUN
from perdure_orchestrator.activities import (
    CallFunction,
    CallModel,
    CallTool,
    DrainDecisions,
    PublishFacts,
    QueryServers,
    ReadRules,
)
from perdure_orchestrator.agents.conversations import Conversations
from perdure_orchestrator.agents.function_runner import Functions
from perdure_orchestrator.agents.model_port import ModelPort
from perdure_orchestrator.agents.models import Models
from perdure_orchestrator.agents.permissions import ToolPermissions
from perdure_orchestrator.agents.session import Server
from perdure_orchestrator.agents.tool_servers import ToolServers
from perdure_orchestrator.bridge import Bridge
from perdure_orchestrator.description import describe
from perdure_orchestrator.interceptors import FAILURE_TYPES, ProgressInterceptor
from perdure_orchestrator.publish_log import PublishLog
from perdure_orchestrator.registry import Registry
from perdure_orchestrator.sandbox import workflow_runner
from perdure_orchestrator.temporal_internals import enable_single_batch_activation

__all__ = ["Role", "create_app", "run_worker"]

Role = Literal["both", "bridge", "worker"]

_STICKY: Final = timedelta(seconds=5)  # a task waits so long for the worker that knows its run, then any may take it
_SETTLED_WITHIN: Final = timedelta(seconds=10)  # at a stop, steps in flight may take so long to end


def create_app(client: Client, bus: Bus, ledger: StartLedger, registry: Registry, settings: Settings) -> App:
    """Build the bridge; nothing connects until it is heard."""
    approvers = ApproversFile(settings.approvers_file)
    bridge = Bridge(client, bus, ledger, registry=registry, approvers=approvers, settings=settings.temporal)
    return App(
        "orchestrator",
        subscriptions=[
            # Confirmed: heard again after its run has ended, a signal would become a dead letter that is none.
            Subscription("COMMANDS", bridge.command, confirm_acks=True),
            Subscription("DECISIONS", bridge.decision, confirm_acks=True),
            Subscription("SIGNALS", bridge.signal, confirm_acks=True),
        ],
        responders=[Responder(DESCRIBE_RUN, partial(describe, client))],
    )


@dataclass(frozen=True, slots=True)
class AgentBackends:
    """To whom agents talk; by default to whom the configuration names."""

    models: ModelPort
    servers: Mapping[str, Server]


@asynccontextmanager
async def run_worker(  # noqa: PLR0913 (what a worker stands between)
    client: Client,
    bus: Bus,
    objects: Objects,
    registry: Registry,
    settings: Settings,
    *,
    parties: AgentBackends | None = None,
) -> AsyncIterator[None]:
    """Run workflows and steps for as long as the block lasts; then steps in flight may end before sessions do."""
    parties = parties or AgentBackends(Models(settings.llm), settings.mcp.servers)
    servers, said = ToolServers(parties.servers), PublishLog()
    progress = ProgressInterceptor(bus, said)
    marked = {name: where.requires_approval for name, where in parties.servers.items()}
    permissions = ToolPermissions(settings.agents, marked)
    agents = _agents_steps(parties.models, servers, objects, settings, permissions)
    rules = ReadRules(settings, parties.servers)
    steps: list[Callable[..., Any]] = [PublishFacts(bus, said).run, DrainDecisions(bus).run, rules.run, *agents]
    try:
        with ThreadPoolExecutor(settings.orchestrator.max_concurrent_steps) as threads:
            async with _worker(client, steps, registry, settings, progress=progress, threads=threads):
                yield
    finally:
        await progress.all_published(_SETTLED_WITHIN.total_seconds())
        await servers.close()
        await parties.models.close()


def _agents_steps(
    models: ModelPort, servers: ToolServers, objects: Objects, settings: Settings, permissions: ToolPermissions
) -> list[Callable[..., Any]]:
    """Give what agents do the parties that it needs."""
    functions, conversations = Functions(settings.workflows), Conversations(objects)
    asking = CallModel(
        models,
        servers,
        functions,
        permissions=permissions,
        conversations=conversations,
        limits=settings.limits,
    )
    calling = CallTool(servers, permissions, conversations, settings.limits)
    return [
        asking.run,
        calling.run,
        CallFunction(functions, permissions, conversations, settings.limits).run,
        QueryServers(servers, functions, permissions).run,
    ]


def _worker(  # noqa: PLR0913 (a composition root: these are the worker's parts)
    client: Client,
    steps: Sequence[Callable[..., Any]],
    registry: Registry,
    settings: Settings,
    *,
    progress: ProgressInterceptor,
    threads: ThreadPoolExecutor,
) -> Worker:
    worker = Worker(
        client,
        task_queue=settings.temporal.task_queue,
        workflows=list(registry.workflows.values()),
        activities=[*registry.activities, *steps],
        activity_executor=threads,
        interceptors=[progress],
        max_cached_workflows=settings.orchestrator.max_cached_runs,
        max_concurrent_activities=settings.orchestrator.max_concurrent_steps,
        workflow_runner=workflow_runner(sandboxed=settings.temporal.sandbox),
        workflow_failure_exception_types=FAILURE_TYPES,
        sticky_queue_schedule_to_start_timeout=_STICKY,
        graceful_shutdown_timeout=_SETTLED_WITHIN,
    )
    enable_single_batch_activation(worker)
    return worker

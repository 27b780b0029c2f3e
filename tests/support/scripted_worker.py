"""A worker with Perdure's plugin on a time-skipping Temporal, with a bus in memory and scripted agents."""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from temporalio import activity
from temporalio.client import Client, WorkflowHandle
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from perdure.approvers import ApproversFile
from perdure.bus import KeyValue, MemoryBus, MemoryKeyValue, MemoryObjects, RawMessage, decode
from perdure.bus.views.recorded_approvers import RecordedApprovers
from perdure.config.settings import Settings
from perdure.connections.temporal_internals import activity_name
from perdure.contracts import ENDINGS, ApprovalRequested, Decision, Progress
from perdure.flow.approvals_host import DECISION_SIGNAL
from perdure.flow.bugs import CODE_MEMO, CODE_OF_TODAY
from perdure.flow.messages import (
    CALL_FUNCTION,
    CALL_MODEL,
    CALL_TOOL,
    READ_RULES,
    FunctionCall,
    ModelRequest,
    ModelResult,
    ToolRequest,
    ToolResult,
)
from perdure.flow.operator_rules import OperatorRules
from perdure.flow.publisher import EVENT_MEMO
from perdure.testing.throwaway_approvers import ThrowAwayApprovers
from perdure.voting.ballot import ReceivedDecision
from perdure_orchestrator.identified_decision import Approvers
from perdure_orchestrator.plugin import PerdurePlugin
from tests.support.patient_worker import patient


@dataclass
class ScriptedAgents:
    """Activities in place of models and tools, which record their requests.

    Attributes:
        model_results: The results of the next model requests; after them each model answers "words".
        tool_texts: The text that a tool returns, by tool; by default it is done.
    """

    model_requests: list[ModelRequest] = field(default_factory=list)
    tool_requests: list[ToolRequest] = field(default_factory=list)
    function_calls: list[FunctionCall] = field(default_factory=list)
    model_results: list[ModelResult] = field(default_factory=list)
    tool_texts: dict[str, str] = field(default_factory=dict)
    rules: OperatorRules = field(default_factory=lambda: OperatorRules(servers=("files", "filesystem")))

    @property
    def activities(self) -> list[Callable[..., Any]]:
        return [self.call_model, self.call_tool, self.call_function, self.read_rules]

    @activity.defn(name=CALL_MODEL)
    async def call_model(self, request: ModelRequest) -> ModelResult:
        self.model_requests.append(request)
        if self.model_results:
            return self.model_results.pop(0)
        return ModelResult(messages=({"text": "words"},), text="words", model="m")

    @activity.defn(name=CALL_TOOL)
    async def call_tool(self, request: ToolRequest) -> ToolResult:
        self.tool_requests.append(request)
        text = self.tool_texts.get(request.tool, f"{request.tool} done")
        return ToolResult(tool=request.tool, text=text, call_id=request.call_id)

    @activity.defn(name=CALL_FUNCTION)
    async def call_function(self, call: FunctionCall) -> ToolResult:
        self.function_calls.append(call)
        return ToolResult(tool=call.function.name, text=f"{call.function.name} done", call_id=call.call_id)

    @activity.defn(name=READ_RULES)
    async def read_rules(self) -> OperatorRules:
        return self.rules


@dataclass
class ScriptedWorker:
    """The running worker, with what a test needs to start runs, decide requests and read messages."""

    environment: WorkflowEnvironment
    queue: str
    bus: MemoryBus = field(default_factory=MemoryBus)
    agents: ScriptedAgents = field(default_factory=ScriptedAgents)
    keys: ThrowAwayApprovers = field(default_factory=ThrowAwayApprovers)
    approvers: Approvers | None = None
    verifications: KeyValue = field(default_factory=MemoryKeyValue)
    settings: Mapping[str, Any] = field(default_factory=dict)

    async def start(
        self, name: str, *args: Any, run_id: str | None = None, task_timeout: timedelta | None = None
    ) -> WorkflowHandle[Any, Any]:
        return await self.environment.client.start_workflow(
            name,
            args=args,
            id=run_id or f"{name}-{uuid4().hex[:6]}",
            task_queue=self.queue,
            memo={EVENT_MEMO: "e1", CODE_MEMO: CODE_OF_TODAY},
            task_timeout=task_timeout,
        )

    async def approval_request(self, run_id: str = "") -> ApprovalRequested:
        """Wait for the first approval request, of this run if one is given, and return it."""
        async for stored in self.bus.subscribe("approvals.requested.>", replay=True):
            message = decode(stored.raw)
            assert isinstance(message, ApprovalRequested)
            if run_id in {"", message.workflow_id}:
                return message
        raise AssertionError

    def digest(self, request_id: str) -> str:
        """Return the digest of a published request; of one that nobody can have seen, any digest."""
        published = {it.request_id: it.digest for it in self.bus.published if isinstance(it, ApprovalRequested)}
        return published.get(request_id, "0" * 64)

    def decision(self, run: WorkflowHandle[Any, Any], *, nonce: str = "n1", **fields: Any) -> Decision:
        request_id = fields.get("request_id", f"{run.id}.1")
        whole = {
            "workflow_id": run.id,
            "request_id": request_id,
            "digest": self.digest(request_id),
            "decision": "approve",
            "approver": "ann",
            "nonce": nonce,
            **fields,
        }
        return Decision.model_validate(whole)

    async def decide(
        self, run: WorkflowHandle[Any, Any], *, nonce: str = "n1", stored_at: datetime | None = None, **fields: Any
    ) -> None:
        """Sign a decision, publish it, and hand it to its run."""
        decision = self.keys.sign(self.decision(run, nonce=nonce, **fields))
        await self.hand_over(run, await self.publish_decision(decision, stored_at))

    async def publish_decision(self, decision: Decision, stored_at: datetime | None = None) -> ReceivedDecision:
        """Publish a decision at a place of its own, and return what the bridge would hand over."""
        time = stored_at or (await self.environment.get_current_time()).astimezone(UTC)
        self.bus.clock = lambda: time
        place = await self.bus.publish_raw(RawMessage(decision.subject, decision.model_dump_json().encode(), {}))
        return ReceivedDecision(decision_id=decision.message_id, decision=decision, place=f"DECISIONS.{place}")

    async def hand_over(self, run: WorkflowHandle[Any, Any], received: ReceivedDecision) -> None:
        """Signal a run."""
        await run.signal(DECISION_SIGNAL, received)

    async def ending(self, run_id: str) -> Progress:
        """Wait for the ending of a run: it comes once Temporal has closed the run."""
        async for stored in self.bus.subscribe("progress.>", replay=True):
            fact = decode(stored.raw)
            if isinstance(fact, Progress) and fact.kind in ENDINGS and run_id in {fact.workflow_id, fact.run_id}:
                return fact
        raise AssertionError

    @property
    def progress(self) -> list[Progress]:
        return [message for message in self.bus.published if isinstance(message, Progress)]

    @property
    def timeline(self) -> list[tuple[int, str, str | None]]:
        """Sequence, kind and step of each fact, in order of sequence and attempt."""
        facts = sorted(self.progress, key=lambda fact: (fact.sequence, fact.attempt))
        return [(fact.sequence, fact.kind, fact.step) for fact in facts]


@asynccontextmanager
async def open_scripted_worker(  # noqa: PLR0913 (its ports)
    environment: WorkflowEnvironment,
    *workflows: type,
    activities: Sequence[Callable[..., Any]] = (),
    bus: MemoryBus | None = None,
    queue: str | None = None,
    approvers: Approvers | ApproversFile | None = None,
    verifications: KeyValue | None = None,
    settings: Mapping[str, Any] | None = None,
    cached_runs: int = 0,
) -> AsyncIterator[ScriptedWorker]:
    """Run a worker for these workflows for as long as the block lasts.

    Args:
        environment: Temporal's test server.
        workflows: The classes.
        activities: More activities.
        bus: By default a new one.
        queue: The task queue; by default a new one.
        approvers: Whose signatures count; by default those that ``decide`` makes.
        verifications: Where the first verdicts are kept.
        settings: The configuration beside.
        cached_runs: How many runs stay in memory; without any, every task replays, which detects nondeterminism.
    """
    worker = ScriptedWorker(environment, queue=queue or uuid4().hex, bus=bus or MemoryBus(), settings=settings or {})
    if isinstance(approvers, ApproversFile):
        approvers = RecordedApprovers(approvers, worker.bus)
    worker.approvers = approvers or worker.keys
    worker.verifications = verifications or worker.verifications
    configuration = environment.client.config()
    configuration["plugins"] = [_ScriptedPlugin(worker)]
    temporal_worker = Worker(
        Client(**configuration),
        task_queue=worker.queue,
        workflows=workflows,
        activities=activities,
        max_cached_workflows=cached_runs,
    )
    async with patient(temporal_worker):
        yield worker


class _ScriptedPlugin(PerdurePlugin):
    """Perdure's plugin with scripted activities in place of those of agents."""

    def __init__(self, worker: ScriptedWorker) -> None:
        temporal = {"sandbox": False, "on_bug": "fail", **worker.settings.get("temporal", {})}
        settings = Settings.model_validate({**worker.settings, "temporal": temporal})
        super().__init__(
            settings,
            bus=worker.bus,
            objects=MemoryObjects(),
            approvers=worker.approvers,
            verifications=worker.verifications,
        )
        self._worker = worker

    def worker_activities(self, modules: Iterable[str]) -> list[Callable[..., Any]]:
        scripted = self._worker.agents.activities
        names = {activity_name(it) for it in scripted}
        return [*scripted, *(own for own in super().worker_activities(modules) if activity_name(own) not in names)]

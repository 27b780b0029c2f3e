"""The bus becomes Temporal: commands start and signal runs, decisions and signals reach them, each once."""

from datetime import UTC, datetime
from typing import Any, Final

from pydantic import BaseModel, JsonValue
from temporalio.api.common.v1 import Payloads, WorkflowExecution
from temporalio.api.workflowservice.v1 import SignalWorkflowExecutionRequest
from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from perdure.bus import Bus, Heard, decode
from perdure.bus.start_ledger import StartLedger
from perdure.contracts import SignalWorkflow, StartWorkflow, from_token
from perdure.errors import InvalidMessage, Unavailable
from perdure.flow.inbox import ArrivedDecision
from perdure.flow.run import DECISION_SIGNAL, EVENT_MEMO
from perdure.settings import TemporalSettings
from perdure_orchestrator.registry import Registry
from perdure_orchestrator.spoken import read_argument, read_decision, unreadable

__all__ = ["Bridge"]

_SENDERS_FAULT: Final = {RPCStatusCode.INVALID_ARGUMENT}


class Bridge:
    """Hands messages over to Temporal; each method returns once Temporal has stored what it was given."""

    def __init__(
        self, client: Client, bus: Bus, ledger: StartLedger, registry: Registry, settings: TemporalSettings
    ) -> None:
        self._client = client
        self._bus = bus
        self._ledger = ledger
        self._registry = registry
        self._settings = settings

    async def command(self, heard: Heard) -> None:
        """Start or signal a run as ingest asks."""
        match decode(heard.wire):
            case StartWorkflow() as start:
                await self._start(start)
            case SignalWorkflow() as signal:
                await self._signal(signal.workflow_id, signal.signal, signal.argument, heard)
            case other:
                raise InvalidMessage("bad_message", f"{other.type} is no command")

    async def decision(self, heard: Heard) -> None:
        """Hand a decision to its run; where there is no such run, or it cannot be read, the receipt says so."""
        try:
            decision = read_decision(heard)
        except InvalidMessage as error:
            if receipt := unreadable(heard, error):
                await self._bus.say(receipt)
            raise
        arrived = ArrivedDecision(decision_id=decision.message_id, decision=decision)
        try:
            await self._signal(decision.workflow_id, DECISION_SIGNAL, arrived, heard)
        except InvalidMessage as error:
            await self._bus.say(arrived.receipt(str(error)))

    async def signal(self, heard: Heard) -> None:
        """Hand a signal to its run: ``signals.<workflow id>.<signal>``, the body is its argument, or empty."""
        tokens = heard.wire.subject.split(".")
        if len(tokens) != 3:  # noqa: PLR2004 (the three parts that the docstring names)
            raise InvalidMessage("bad_message", "A signal's subject is signals.<workflow id>.<signal>")
        await self._signal(from_token(tokens[1]), from_token(tokens[2]), read_argument(heard.wire.body), heard)

    async def _start(self, start: StartWorkflow) -> None:
        if start.workflow not in self._registry.workflows:
            known = ", ".join(sorted(self._registry.workflows))
            raise InvalidMessage("unknown_workflow", f"No workflow is called {start.workflow}; registered are: {known}")
        if await self._ledger.claim(start):
            return  # the same event asks for the same run, which was started
        try:
            await self._client.start_workflow(
                start.workflow,
                args=_arguments(start.input),
                id=start.workflow_id,
                task_queue=self._settings.task_queue,
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                memo={EVENT_MEMO: start.event.id},
                task_timeout=self._settings.task_timeout,
                request_eager_start=True,
            )
        except WorkflowAlreadyStartedError:
            pass  # and has ended, before we could write down that it was started
        except RPCError as error:
            raise _translated(error, start.workflow_id) from error
        await self._ledger.started(start)

    async def _signal(self, workflow_id: str, signal: str, argument: JsonValue | BaseModel, heard: Heard) -> None:
        """Signal a run; Temporal knows a repetition by the message's place in its stream."""
        request = SignalWorkflowExecutionRequest(
            namespace=self._client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=workflow_id),
            signal_name=signal,
            input=Payloads(payloads=await self._client.data_converter.encode(_arguments(argument))),
            identity=self._client.identity,
            request_id=f"{heard.stream}.{heard.sequence}",
        )
        try:
            await self._client.workflow_service.signal_workflow_execution(request, retry=True)
        except RPCError as error:
            if _never_began(error) and datetime.now(UTC) - heard.time < self._settings.signals_wait:
                raise Unavailable(f"No run {workflow_id} has begun yet") from error
            raise _translated(error, workflow_id) from error


def _arguments(value: Any) -> list[Any]:
    return [] if value is None else [value]


def _never_began(error: RPCError) -> bool:
    """Tell whether Temporal knows no run of this id at all; one that has ended it would call completed."""
    return _is_no_run(error) and "completed" not in error.message.lower()


def _is_no_run(error: RPCError) -> bool:
    return error.status is RPCStatusCode.NOT_FOUND and not error.message.lower().startswith("namespace")


def _translated(error: RPCError, workflow_id: str) -> Exception:
    if _is_no_run(error):
        return InvalidMessage("unknown_run", f"No run {workflow_id} is open: it never started, or it has ended")
    if error.status in _SENDERS_FAULT:
        return InvalidMessage("bad_message", f"Temporal refuses it: {error.message}")
    return Unavailable(f"Temporal does not take it: {error.status.name} {error.message}")

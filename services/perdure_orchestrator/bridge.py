"""The bridge from the bus to Temporal: commands start and signal runs, decisions and signals reach them, each once."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Final

from pydantic import BaseModel, JsonValue
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from perdure.approvers import ApproversFile, NotVerified
from perdure.bus import Bus, StoredMessage, decode
from perdure.bus.views.start_ledger import Claim, StartLedger
from perdure.config.settings import TemporalSettings
from perdure.contracts import CancelWorkflow, SignalWorkflow, StartWorkflow, from_token
from perdure.errors import InvalidMessage, SetupError, Unavailable
from perdure.flow.approvals_host import DECISION_SIGNAL
from perdure.flow.ballot import ReceivedDecision
from perdure_orchestrator.parsing import read_argument, read_decision, unreadable
from perdure_orchestrator.registry import Registry
from perdure_orchestrator.run_client import RunClient, is_no_run

__all__ = ["Bridge"]

_INVALID_REQUEST: Final = {RPCStatusCode.INVALID_ARGUMENT}


class Bridge:
    """Hands messages to Temporal; each method returns once Temporal has stored the effect."""

    def __init__(  # noqa: PLR0913 (its ports)
        self,
        client: Client,
        bus: Bus,
        ledger: StartLedger,
        *,
        registry: Registry,
        approvers: ApproversFile,
        settings: TemporalSettings,
    ) -> None:
        self._runs = RunClient(client, settings)
        self._bus = bus
        self._ledger = ledger
        self._registry = registry
        self._approvers = approvers
        self._settings = settings

    async def command(self, message: StoredMessage) -> None:
        """Start, signal or cancel a run by a command of ingest."""
        match decode(message.raw):
            case StartWorkflow() as start:
                await self._start(start)
            case SignalWorkflow() as signal:
                await self._signal_once(signal, message)
            case CancelWorkflow() as cancel:
                await self._cancel(cancel)
            case other:
                raise InvalidMessage("bad_message", f"{other.type} is not a command")

    async def decision(self, message: StoredMessage) -> None:
        """Hand a decision to its run, or publish the receipt that refuses it: not verified, or no such run."""
        try:
            decision, body = read_decision(message)
        except InvalidMessage as error:
            if receipt := unreadable(message, error):
                await self._bus.publish(receipt)
            raise
        received = ReceivedDecision(
            decision_id=decision.message_id, decision=decision, place=_place(message), stored_at=message.stored_at
        )
        try:
            identity = self._approvers.current().identify(body, message.stored_at)
        except NotVerified as error:
            await self._bus.publish(received.receipt(error.code, str(error)))
            return
        except SetupError as error:  # without the approvers file no decision can be judged
            raise Unavailable(str(error)) from error
        received = received.model_copy(update=asdict(identity))
        try:
            await self._signal(decision.workflow_id, DECISION_SIGNAL, received, message, request_id=_place(message))
        except InvalidMessage as error:
            if not await self._was_received(decision.workflow_id, _place(message)):
                await self._bus.publish(received.receipt("unknown_run", str(error)))

    async def signal(self, message: StoredMessage) -> None:
        """Hand a signal to its run: ``signals.<workflow id>.<signal>``; the body is its argument, or empty."""
        tokens = message.raw.subject.split(".")
        if len(tokens) != 3:  # noqa: PLR2004 (the three parts of the docstring)
            raise InvalidMessage("bad_message", "A signal's subject is signals.<workflow id>.<signal>")
        argument = read_argument(message.raw.body)
        await self._signal(from_token(tokens[1]), from_token(tokens[2]), argument, message, request_id=_place(message))

    async def _start(self, start: StartWorkflow) -> None:
        self._expect_workflow(start.workflow, start.options.task_queue)
        if await self._ledger.claim(start) is Claim.DONE:
            return  # this event started this run before
        try:
            await self._runs.start(start)
        except RPCError as error:
            raise _translated(error, start.workflow_id) from error
        await self._ledger.mark_started(start)

    async def _signal_once(self, command: SignalWorkflow, message: StoredMessage) -> None:
        claim = await self._ledger.claim(command)
        if claim is Claim.DONE:
            return
        if command.workflow is None:
            await self._signal(
                command.workflow_id, command.signal, command.argument, message, request_id=command.message_id
            )
        else:
            await self._signal_with_start(command, command.workflow, claim)
        await self._ledger.mark_started(command)

    async def _signal_with_start(self, command: SignalWorkflow, workflow: str, claim: Claim) -> None:
        self._expect_workflow(workflow, command.options.task_queue)
        try:
            if claim is Claim.TRIED and await self._runs.was_signalled(
                command.workflow_id, request_id=command.message_id
            ):
                return  # the run may have ended since: it must not start again
            await self._runs.signal_with_start(command, workflow)
        except RPCError as error:
            raise _translated(error, command.workflow_id) from error

    async def _cancel(self, command: CancelWorkflow) -> None:
        try:
            await self._runs.cancel(command.workflow_id)
        except RPCError as error:
            raise _translated(error, command.workflow_id) from error

    def _expect_workflow(self, workflow: str, task_queue: str | None) -> None:
        """Refuse a workflow that the own task queue has not registered; other task queues are not checked."""
        if task_queue in {None, self._settings.task_queue} and workflow not in self._registry.workflows:
            known = ", ".join(sorted(self._registry.workflows))
            raise InvalidMessage("unknown_workflow", f"No workflow is called {workflow}; registered are: {known}")

    async def _was_received(self, workflow_id: str, request_id: str) -> bool:
        """Return whether a run that has ended received this before: then it published the receipt."""
        try:
            return await self._runs.was_signalled(workflow_id, request_id=request_id)
        except RPCError as error:
            raise _translated(error, workflow_id) from error

    async def _signal(
        self, workflow_id: str, signal: str, argument: JsonValue | BaseModel, message: StoredMessage, *, request_id: str
    ) -> None:
        try:
            await self._runs.signal(workflow_id, signal, argument, request_id=request_id)
        except RPCError as error:
            if _never_began(error) and datetime.now(UTC) - message.stored_at < self._settings.signals_wait:
                raise Unavailable(f"No run {workflow_id} has begun yet") from error
            raise _translated(error, workflow_id) from error


def _place(message: StoredMessage) -> str:
    """Return ``<stream>.<sequence>``: the same for every delivery of a message."""
    return f"{message.stream}.{message.sequence}"


def _never_began(error: RPCError) -> bool:
    """Return whether Temporal knows no run of this id at all: it calls a run that has ended completed."""
    return is_no_run(error) and "completed" not in error.message.lower()


def _translated(error: RPCError, workflow_id: str) -> Exception:
    if is_no_run(error):
        return InvalidMessage("unknown_run", f"No run {workflow_id} is open: it never started, or it has ended")
    if error.status in _INVALID_REQUEST:
        return InvalidMessage("bad_message", f"Temporal refuses it: {error.message}")
    return Unavailable(f"Temporal does not accept it: {error.status.name} {error.message}")

"""The bus becomes Temporal: commands start and signal runs, decisions and signals reach them, each once."""

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
from perdure.flow.ballot import ReceivedDecision
from perdure.flow.run import DECISION_SIGNAL
from perdure_orchestrator.parsing import read_argument, read_decision, unreadable
from perdure_orchestrator.registry import Registry
from perdure_orchestrator.run_client import RunClient, is_no_run

__all__ = ["Bridge"]

_SENDERS_FAULT: Final = {RPCStatusCode.INVALID_ARGUMENT}


class Bridge:
    """Hands messages over to Temporal; each method returns once Temporal has stored what it was given."""

    def __init__(  # noqa: PLR0913 (what it stands between)
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

    async def command(self, heard: StoredMessage) -> None:
        """Start, signal or cancel a run as ingest asks."""
        match decode(heard.raw):
            case StartWorkflow() as start:
                await self._start(start)
            case SignalWorkflow() as signal:
                await self._signal_once(signal, heard)
            case CancelWorkflow() as cancel:
                await self._cancel(cancel)
            case other:
                raise InvalidMessage("bad_message", f"{other.type} is no command")

    async def decision(self, heard: StoredMessage) -> None:
        """Hand a decision to its run; where it is not its approver's, or there is no such run, the receipt says so."""
        try:
            decision, body = read_decision(heard)
        except InvalidMessage as error:
            if receipt := unreadable(heard, error):
                await self._bus.publish(receipt)
            raise
        arrived = ReceivedDecision(
            decision_id=decision.message_id, decision=decision, place=_place(heard), stored_at=heard.stored_at
        )
        try:
            known = self._approvers.current().identify(body, datetime.now(UTC))
        except NotVerified as error:
            await self._bus.publish(arrived.receipt(error.code, str(error)))
            return
        except SetupError as error:  # nothing is judged while nobody knows who is who
            raise Unavailable(str(error)) from error
        arrived = arrived.model_copy(update=asdict(known))
        try:
            await self._signal(decision.workflow_id, DECISION_SIGNAL, arrived, heard, request_id=_place(heard))
        except InvalidMessage as error:
            if not await self._has_heard(decision.workflow_id, _place(heard)):
                await self._bus.publish(arrived.receipt("unknown_run", str(error)))

    async def signal(self, heard: StoredMessage) -> None:
        """Hand a signal to its run: ``signals.<workflow id>.<signal>``, the body is its argument, or empty."""
        tokens = heard.raw.subject.split(".")
        if len(tokens) != 3:  # noqa: PLR2004 (the three parts that the docstring names)
            raise InvalidMessage("bad_message", "A signal's subject is signals.<workflow id>.<signal>")
        argument = read_argument(heard.raw.body)
        await self._signal(from_token(tokens[1]), from_token(tokens[2]), argument, heard, request_id=_place(heard))

    async def _start(self, start: StartWorkflow) -> None:
        self._expect_workflow(start.workflow, start.options.task_queue)
        if await self._ledger.claim(start) is Claim.DONE:
            return  # the same event asks for the same run, which was started
        try:
            await self._runs.start(start)
        except RPCError as error:
            raise _translated(error, start.workflow_id) from error
        await self._ledger.started(start)

    async def _signal_once(self, command: SignalWorkflow, heard: StoredMessage) -> None:
        claim = await self._ledger.claim(command)
        if claim is Claim.DONE:
            return
        if command.workflow is None:
            await self._signal(
                command.workflow_id, command.signal, command.argument, heard, request_id=command.message_id
            )
        else:
            await self._signal_with_start(command, command.workflow, claim)
        await self._ledger.started(command)

    async def _signal_with_start(self, command: SignalWorkflow, workflow: str, claim: Claim) -> None:
        self._expect_workflow(workflow, command.options.task_queue)
        try:
            if claim is Claim.TRIED and await self._runs.was_signalled(
                command.workflow_id, request_id=command.message_id
            ):
                return  # and the run may have ended: another one must not start
            await self._runs.signal_with_start(command, workflow)
        except RPCError as error:
            raise _translated(error, command.workflow_id) from error

    async def _cancel(self, command: CancelWorkflow) -> None:
        try:
            await self._runs.cancel(command.workflow_id)
        except RPCError as error:
            raise _translated(error, command.workflow_id) from error

    def _expect_workflow(self, workflow: str, task_queue: str | None) -> None:
        """Refuse what no worker of ours would know; what others work on, they know."""
        if task_queue in {None, self._settings.task_queue} and workflow not in self._registry.workflows:
            known = ", ".join(sorted(self._registry.workflows))
            raise InvalidMessage("unknown_workflow", f"No workflow is called {workflow}; registered are: {known}")

    async def _has_heard(self, workflow_id: str, request_id: str) -> bool:
        """Tell whether a run that has ended got this before: then it gave the receipt."""
        try:
            return await self._runs.was_signalled(workflow_id, request_id=request_id)
        except RPCError as error:
            raise _translated(error, workflow_id) from error

    async def _signal(
        self, workflow_id: str, signal: str, argument: JsonValue | BaseModel, heard: StoredMessage, *, request_id: str
    ) -> None:
        try:
            await self._runs.signal(workflow_id, signal, argument, request_id=request_id)
        except RPCError as error:
            if _never_began(error) and datetime.now(UTC) - heard.stored_at < self._settings.signals_wait:
                raise Unavailable(f"No run {workflow_id} has begun yet") from error
            raise _translated(error, workflow_id) from error


def _place(heard: StoredMessage) -> str:
    """Name a message by its place in its stream: a redelivery has the same."""
    return f"{heard.stream}.{heard.sequence}"


def _never_began(error: RPCError) -> bool:
    """Tell whether Temporal knows no run of this id at all; one that has ended it would call completed."""
    return is_no_run(error) and "completed" not in error.message.lower()


def _translated(error: RPCError, workflow_id: str) -> Exception:
    if is_no_run(error):
        return InvalidMessage("unknown_run", f"No run {workflow_id} is open: it never started, or it has ended")
    if error.status in _SENDERS_FAULT:
        return InvalidMessage("bad_message", f"Temporal refuses it: {error.message}")
    return Unavailable(f"Temporal does not take it: {error.status.name} {error.message}")

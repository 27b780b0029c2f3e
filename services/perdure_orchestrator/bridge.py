"""The bridge from the bus to Temporal: commands start and signal runs, decisions and signals reach them, each once."""

from collections.abc import Callable

from pydantic import BaseModel, JsonValue
from temporalio.client import Client
from temporalio.service import RPCError

from perdure.bus import Bus, KeyValue, StoredMessage, decode
from perdure.bus.views.start_ledger import Claim, StartLedger
from perdure.config.settings import TemporalSettings
from perdure.contracts import CancelWorkflow, SignalWorkflow, StartWorkflow
from perdure.errors import InvalidMessage, Unavailable
from perdure.values.run_id import place_of
from perdure_orchestrator.decision_bridge import DecisionBridge
from perdure_orchestrator.deploys import Deploys
from perdure_orchestrator.expected_runs import ExpectedRuns
from perdure_orchestrator.identified_decision import Approvers
from perdure_orchestrator.input_check import refuse_unreadable_input
from perdure_orchestrator.parsing import read_signal, refuse_reserved
from perdure_orchestrator.registry import Registry
from perdure_orchestrator.run_client import RunClient, never_began, translated

__all__ = ["Bridge"]


class Bridge:
    """Hands messages to Temporal; each method returns once Temporal has stored the effect.

    Attributes:
        decisions: The bridge of DECISIONS.
    """

    def __init__(  # noqa: PLR0913 (its ports)
        self,
        client: Client,
        bus: Bus,
        ledger: StartLedger,
        *,
        registry: Registry,
        approvers: Approvers,
        entries: KeyValue,
        settings: TemporalSettings,
        verify_ahead: Callable[[StoredMessage], None] | None = None,
    ) -> None:
        self._runs = RunClient(client, settings)
        self._ledger = ledger
        self._registry = registry
        self._settings = settings
        self._converter = client.data_converter.payload_converter
        self._expected = ExpectedRuns(bus, settings.signals_wait)
        self._deploys = Deploys(client, settings.task_queue)
        self.decisions = DecisionBridge(
            self._runs,
            bus,
            approvers=approvers,
            entries=entries,
            expected=self._expected,
            verify_ahead=verify_ahead,
        )

    async def command(self, message: StoredMessage) -> None:
        """Start, signal or cancel a run by a command of ingest.

        A workflow that nobody registered here is waited for as long as a signal waits for its run: while new code takes
        over, a bridge of the new code may come to know it. So is an input that does not fit, if there is other code.

        Raises:
            InvalidMessage: It cannot take effect.
            Unavailable: Something does not answer, or the workflow may be registered in a moment.
        """
        try:
            await self._command(message)
        except InvalidMessage as error:
            if self._expected.is_recent(message.stored_at) and await self._may_fit_new_code(error):
                raise Unavailable(error.detail) from error
            raise

    async def _may_fit_new_code(self, error: InvalidMessage) -> bool:
        if error.reason != "bad_data":
            return error.reason == "unknown_workflow"
        try:
            return await self._deploys.may_be_under_way()
        except RPCError as unreachable:
            raise Unavailable(f"Temporal does not say whether new code takes over: {unreachable}") from unreachable

    async def _command(self, message: StoredMessage) -> None:
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
        """Hand a decision to its run, or publish the receipt that refuses it; see ``DecisionBridge.handle``."""
        await self.decisions.handle(message)

    async def signal(self, message: StoredMessage) -> None:
        """Hand a signal to its run: ``signals.<workflow id>.<signal>``; the body is its argument, or empty."""
        signal = read_signal(message)
        request_id = place_of(message.stream, message.sequence, message.stored_at)
        await self._signal(signal.workflow_id, signal.name, signal.argument, message, request_id=request_id)

    async def _start(self, start: StartWorkflow) -> None:
        self._expect_workflow(start.workflow, start.input, start.options.task_queue)
        start = await self._ledger.as_claimed(start)
        if await self._ledger.claim(start) is Claim.DONE:
            return  # this event started this run before
        try:
            await self._runs.start(start)
        except RPCError as error:
            raise translated(error, start.workflow_id) from error
        await self._ledger.mark_started(start)

    async def _signal_once(self, command: SignalWorkflow, message: StoredMessage) -> None:
        refuse_reserved(command.signal)
        command = await self._ledger.as_claimed(command)
        claim = await self._ledger.claim(command)
        if claim is Claim.DONE:
            return
        if command.workflow is None:
            await self._signal(
                command.workflow_id, command.signal, command.argument, message, request_id=command.request_id
            )
        else:
            await self._signal_with_start(command, command.workflow, claim)
        await self._ledger.mark_started(command)

    async def _signal_with_start(self, command: SignalWorkflow, workflow: str, claim: Claim) -> None:
        self._expect_workflow(workflow, command.input, command.options.task_queue)
        try:
            if claim is Claim.TRIED and await self._runs.was_signalled(
                command.workflow_id, request_id=command.request_id
            ):
                return  # the run may have ended since: it must not start again
            await self._runs.signal_with_start(command, workflow)
        except RPCError as error:
            raise translated(error, command.workflow_id) from error

    async def _cancel(self, command: CancelWorkflow) -> None:
        try:
            await self._runs.cancel(command.workflow_id)
        except RPCError as error:
            raise translated(error, command.workflow_id) from error

    def _expect_workflow(self, workflow: str, input_: JsonValue, task_queue: str | None) -> None:
        """Refuse what the own task queue cannot run; other task queues are not checked."""
        if task_queue not in {None, self._settings.task_queue}:
            return
        if workflow not in self._registry.workflows:
            known = ", ".join(sorted(self._registry.workflows))
            raise InvalidMessage("unknown_workflow", f"No workflow is called {workflow}; registered are: {known}")
        refuse_unreadable_input(self._registry.workflows[workflow], workflow, input_, self._converter)

    async def _signal(
        self, workflow_id: str, signal: str, argument: JsonValue | BaseModel, message: StoredMessage, *, request_id: str
    ) -> None:
        try:
            await self._runs.signal(workflow_id, signal, argument, request_id=request_id)
        except RPCError as error:
            if never_began(error) and self._expected.is_recent(message.stored_at):
                raise Unavailable(f"No run {workflow_id} has begun yet") from error
            raise translated(error, workflow_id) from error

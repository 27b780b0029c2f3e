"""The bridge from the bus to Temporal: commands start and signal runs, decisions and signals reach them, each once."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from pydantic import BaseModel, JsonValue
from temporalio.client import Client
from temporalio.service import RPCError

from perdure.bus import Bus, KeyValue, StoredMessage, decode
from perdure.bus.views.start_ledger import Claim, StartLedger
from perdure.config.settings import TemporalSettings
from perdure.contracts import CancelWorkflow, SignalWorkflow, StartWorkflow
from perdure.errors import InvalidMessage, Unavailable
from perdure.values.run_id import place_of
from perdure.values.utc import utc_now
from perdure_orchestrator.decision_bridge import DecisionBridge
from perdure_orchestrator.deploys import Deploys
from perdure_orchestrator.early_signals import EarlySignals
from perdure_orchestrator.expected_runs import ExpectedRuns, NotBegun
from perdure_orchestrator.identified_decision import Approvers
from perdure_orchestrator.input_check import refuse_unreadable_input
from perdure_orchestrator.parsing import read_signal, refuse_reserved
from perdure_orchestrator.registry import Registry
from perdure_orchestrator.run_attributes import RunAttributes
from perdure_orchestrator.run_client import RunClient, is_no_run, never_began, translated
from perdure_orchestrator.signal_places import SignalPlaces

__all__ = ["Bridge"]

_BY_CODE: Final = {"unknown_workflow", "bad_data"}
"""Reasons that other code may not have."""

_UNTIL_CANCELLED: Final = timedelta(seconds=5)
"""A run for which a cancellation waits begins no sooner: Temporal has the cancellation before the first step."""


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
        attributes: RunAttributes | None = None,
        is_current: Callable[[], bool] = lambda: True,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._runs = RunClient(client, settings, attributes=attributes, is_current=is_current)
        self._is_current = is_current
        self._ledger = ledger
        self._registry = registry
        self._settings = settings
        self._converter = client.data_converter.payload_converter
        self._expected = ExpectedRuns(bus, settings.signals_wait, now=now)
        self._deploys = Deploys(client, settings.task_queue)
        self._places = SignalPlaces(entries)
        self._commands = EarlySignals(
            "COMMANDS", bus, entries, expected=self._expected, hand_over=self._hand_over_command
        )
        self._signals = EarlySignals("SIGNALS", bus, entries, expected=self._expected, hand_over=self._hand_over_signal)
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
        over, a bridge of the new code may come to know it. So is an input that does not fit, if there is other code. A
        bridge whose version is not the current one refuses neither, as the run would start on other code.

        Raises:
            InvalidMessage: It cannot take effect.
            Unavailable: Something does not answer, or the workflow may be registered in a moment.
        """
        try:
            await self._command(message)
        except InvalidMessage as error:
            if error.reason in _BY_CODE and (not self._is_current() or await self._may_fit_new_code(error, message)):
                raise Unavailable(error.detail) from error
            raise

    async def _may_fit_new_code(self, error: InvalidMessage, message: StoredMessage) -> bool:
        if error.reason == "unknown_workflow" or not self._expected.is_recent(message.stored_at):
            return self._expected.is_recent(message.stored_at)
        try:
            return await self._deploys.may_be_under_way()
        except RPCError as unreachable:
            raise Unavailable(f"Temporal does not say whether new code takes over: {unreachable}") from unreachable

    async def _command(self, message: StoredMessage) -> None:
        match decode(message.raw):
            case StartWorkflow() as start:
                await self._start(start)
            case SignalWorkflow(workflow=str(workflow)) as signal:
                await self._signal_with_start(signal, workflow)
            case SignalWorkflow() | CancelWorkflow() as other:
                await self._commands.handle(other.workflow_id, message)
            case unknown:
                raise InvalidMessage("bad_message", f"{unknown.type} is not a command")

    async def decision(self, message: StoredMessage) -> None:
        """Hand a decision to its run, or publish the receipt that refuses it; see ``DecisionBridge.handle``."""
        await self.decisions.handle(message)

    async def signal(self, message: StoredMessage) -> None:
        """Hand a signal to its run: ``signals.<workflow id>.<signal>``; the body is its argument, or empty."""
        await self._signals.handle(read_signal(message).workflow_id, message)

    async def release_early(self) -> None:
        """Hand over what waits for runs that have not begun once they begin, for ever."""
        await asyncio.gather(self._commands.release_for_ever(), self._signals.release_for_ever())

    async def _hand_over_signal(self, message: StoredMessage) -> None:
        signal, place = read_signal(message), place_of(message.stream, message.sequence, message.stored_at)
        claim = await self._places.claim(place)
        if claim is Claim.DONE:
            return
        if not await self._places.is_repeated(message.raw, place):
            await self._signal(signal.workflow_id, signal.name, signal.argument, claim, request_id=place)
            await self._places.remember(message.raw, place)
        await self._places.mark_done(place)

    async def _hand_over_command(self, message: StoredMessage) -> None:
        match decode(message.raw):
            case SignalWorkflow() as signal:
                await self._signal_once(signal)
            case CancelWorkflow() as cancel:
                await self._cancel(cancel)

    async def _start(self, start: StartWorkflow) -> None:
        self._expect_workflow(start.workflow, start.input, start.options.task_queue)
        start, is_awaited = await asyncio.gather(
            self._ledger.as_claimed(start), self._commands.waits_for(start.workflow_id)
        )
        if await self._ledger.claim(start) is Claim.DONE:
            return  # this event started this run before
        try:
            await self._runs.start(start, at_least=_UNTIL_CANCELLED if is_awaited else timedelta())
        except RPCError as error:
            raise translated(error, start.workflow_id) from error
        if is_awaited:
            await self._commands.release(start.workflow_id)
        await self._ledger.mark_started(start)

    async def _signal_once(self, command: SignalWorkflow) -> None:
        refuse_reserved(command.signal)
        command = await self._ledger.as_claimed(command)
        claim = await self._ledger.claim(command)
        if claim is not Claim.DONE:
            await self._signal(
                command.workflow_id, command.signal, command.argument, claim, request_id=command.request_id
            )
            await self._ledger.mark_started(command)

    async def _signal_with_start(self, command: SignalWorkflow, workflow: str) -> None:
        refuse_reserved(command.signal)
        command = await self._ledger.as_claimed(command)
        claim = await self._ledger.claim(command)
        if claim is Claim.DONE:
            return
        self._expect_workflow(workflow, command.input, command.options.task_queue)
        try:
            # If it was signalled, the run may have ended since: it must not start again.
            if not await self._has_signal(claim, command.workflow_id, command.request_id):
                await self._runs.signal_with_start(command, workflow)
        except RPCError as error:
            raise translated(error, command.workflow_id) from error
        await self._ledger.mark_started(command)

    async def _cancel(self, command: CancelWorkflow) -> None:
        try:
            await self._runs.cancel(command.workflow_id)
        except RPCError as error:
            if never_began(error):
                raise NotBegun(command.workflow_id, is_needless=True) from error
            if not is_no_run(error):  # it has ended
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
        self, workflow_id: str, signal: str, argument: JsonValue | BaseModel, claim: Claim, *, request_id: str
    ) -> None:
        try:
            if not await self._has_signal(claim, workflow_id, request_id):
                await self._runs.signal(workflow_id, signal, argument, request_id=request_id)
        except RPCError as error:
            if never_began(error):
                raise NotBegun(workflow_id) from error
            raise translated(error, workflow_id) from error

    async def _has_signal(self, claim: Claim, workflow_id: str, request_id: str) -> bool:
        """Return whether a run has a signal that a bridge tried to hand over before."""
        return claim is Claim.TRIED and await self._runs.was_signalled(workflow_id, request_id=request_id)

"""The bridge of DECISIONS: hands each verified decision to its run, in the order of storage and once."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Final

from pydantic import JsonValue
from temporalio.service import RPCError

from perdure.approvers import NotVerified
from perdure.bus import Bus, KeyValue, StoredMessage
from perdure.bus.views.request_record import request_records
from perdure.contracts import ReceiptCode, to_token
from perdure.errors import InvalidMessage, Unavailable
from perdure.explain import settlement_text
from perdure.flow.approvals_host import DECISION_SIGNAL
from perdure.voting.ballot import ReceivedDecision
from perdure_orchestrator.decision_places import DecisionPlaces
from perdure_orchestrator.early_places import TOO_MANY, EarlyPlaces
from perdure_orchestrator.expected_runs import ExpectedRuns
from perdure_orchestrator.identified_decision import Approvers, identified
from perdure_orchestrator.parsing import read_decision, unreadable
from perdure_orchestrator.run_client import RunClient, never_began, translated

__all__ = ["DecisionBridge"]

_LOOK_AT_EARLY_SECONDS: Final = 2.0
_TOO_MANY: Final = f"{TOO_MANY}. Decide again once the run has begun"

_log = logging.getLogger(__name__)


class DecisionBridge:
    """Verifies decisions, publishes the receipts of those that reach no run, and hands over the others."""

    def __init__(  # noqa: PLR0913 (its ports)
        self,
        runs: RunClient,
        bus: Bus,
        *,
        approvers: Approvers,
        entries: KeyValue,
        expected: ExpectedRuns,
        verify_ahead: Callable[[StoredMessage], None] | None,
    ) -> None:
        self._runs = runs
        self._bus = bus
        self._approvers = approvers
        self._claims = DecisionPlaces(entries)
        self._early = EarlyPlaces(entries, "DECISIONS")
        self._expected = expected
        self._verify_ahead = verify_ahead
        self._announced: set[str] = set()  # places whose receipt `waiting` this process has published
        self._lock = asyncio.Lock()

    async def handle(self, message: StoredMessage) -> None:
        """Hand a decision to its run, or publish the receipt that refuses it.

        Raises:
            InvalidMessage: It cannot be read.
            Unavailable: Its run has not begun and may begin in a moment, or something does not answer.
        """
        try:
            received, body, refusal = await self._read(message)
        except InvalidMessage as error:
            if receipt := unreadable(message, error):
                await self._bus.publish(receipt)
            raise
        if refusal is not None:
            await self._publish(received, refusal.code, str(refusal))
            return
        first = await self._claims.claim(body, received.place)
        if first != received.place:
            await self._publish(received, "replayed", f"it was stored before, as {first}: a decision counts once")
            return
        async with self._lock:
            if received.decision.workflow_id in await self._early.places():  # behind those that wait
                await self._wait(received, body, message)
                return
        if self._verify_ahead is not None:
            self._verify_ahead(message)
        if failure := await self._signal(received):
            await self._not_taken(received, body, message, failure)
        self._announced.discard(received.place)

    async def release_early(self) -> None:
        """Hand over the decisions on held runs once these begin, for ever; only the holder of the lease may."""
        self._early.forget()
        while True:
            await asyncio.sleep(_LOOK_AT_EARLY_SECONDS)
            try:
                for workflow_id, waiting in list((await self._early.places()).items()):
                    await self._release(workflow_id, waiting)
            except Unavailable as error:
                _log.warning("%s; the decisions that wait for their runs are looked at again", error)
                self._early.forget()

    async def _release(self, workflow_id: str, waiting: Sequence[int]) -> None:
        """Hand over the decisions on one run, oldest first, as far as it has begun or never will."""
        for sequence in waiting:
            message = await self._bus.first(f"decisions.{to_token(workflow_id)}", after=sequence - 1)
            if message is not None and message.sequence == sequence:
                received, body, refusal = await self._read(message)
                if refusal is not None:
                    await self._publish(received, refusal.code, str(refusal))
                else:
                    error = await self._signal(received)
                    if error is not None and never_began(error):
                        if await self._expected.has_start(workflow_id):
                            return
                        error = await self._signal(received)  # it may have begun between the two questions
                    if error is not None:
                        await self._refuse_unknown(received, body, error)
                self._announced.discard(received.place)
            async with self._lock:
                await self._early.remove(workflow_id, sequence)

    async def _read(self, message: StoredMessage) -> tuple[ReceivedDecision, dict[str, JsonValue], NotVerified | None]:
        """Return a decision, its body, and why it was not signed by its approver, if so.

        Raises:
            InvalidMessage: It cannot be read.
            Unavailable: The approvers file cannot be read.
        """
        decision, body = read_decision(message)
        received, refusal = identified(message, decision, body, await self._approvers.version())
        return received, body, refusal

    async def _not_taken(
        self, received: ReceivedDecision, body: dict[str, JsonValue], message: StoredMessage, error: RPCError
    ) -> None:
        """Let a decision wait for a run that may begin; refuse it if none will, or the run has ended."""
        workflow_id = received.decision.workflow_id
        if never_began(error):
            if self._expected.is_recent(message.stored_at):
                await self._announce(received)
                raise Unavailable(f"No run {workflow_id} has begun yet") from error
            if await self._expected.has_start(workflow_id):
                async with self._lock:
                    await self._wait(received, body, message)
                return
            last = await self._signal(received)  # it may have begun between the two questions
            if last is None:
                return
            error = last
        await self._refuse_unknown(received, body, error)

    async def _signal(self, received: ReceivedDecision) -> RPCError | None:
        """Hand a decision to its run; returns the error if Temporal does not take it."""
        try:
            await self._runs.signal(received.decision.workflow_id, DECISION_SIGNAL, received, request_id=received.place)
        except RPCError as error:
            return error
        return None

    async def _wait(self, received: ReceivedDecision, body: dict[str, JsonValue], message: StoredMessage) -> None:
        await self._announce(received)
        if not await self._early.add(received.decision.workflow_id, message.sequence):
            await self._publish(received, "unknown_run", _TOO_MANY)
            await self._claims.release(body)

    async def _refuse_unknown(self, received: ReceivedDecision, body: dict[str, JsonValue], error: RPCError) -> None:
        """Publish that there is no run to decide on, unless it has ended and published the receipt before."""
        workflow_id = received.decision.workflow_id
        refusal = translated(error, workflow_id)
        if not isinstance(refusal, InvalidMessage):
            raise refusal from error
        try:
            was_received = await self._runs.was_signalled(workflow_id, request_id=received.place)
        except RPCError as unknown:
            raise translated(unknown, workflow_id) from unknown
        if not was_received:
            settled = await self._settled(workflow_id, received.decision.request_id)
            await self._publish(received, "unknown_run", " ".join(filter(None, (settled, f"{refusal.detail}."))))
            await self._claims.release(body)

    async def _settled(self, workflow_id: str, request_id: str) -> str:
        """Return how a request of a run that is not open was settled, in a sentence; empty if nobody knows it."""
        for record in reversed(await request_records(self._bus, workflow_id, votes=False)):
            if record.request.request_id == request_id and record.state != "open":
                return settlement_text(record.request, record.state, by=record.settled_by)
        return ""

    async def _announce(self, received: ReceivedDecision) -> None:
        """Publish, once a process, that another receipt follows."""
        if received.place not in self._announced:
            await self._publish(received, "waiting", f"no run {received.decision.workflow_id} has begun yet: it waits")
            self._announced.add(received.place)

    async def _publish(self, received: ReceivedDecision, code: ReceiptCode, reason: str) -> None:
        await self._bus.publish(received.receipt(code, reason))

"""The approval requests of one run, connected to its signal, its facts and its clock."""

import asyncio
from collections.abc import Iterable
from typing import Final

from temporalio import workflow

from perdure.contracts import ApprovalExpired, ApprovalRequested, Escalation, Receipt, ReceiptCode
from perdure.flow.ballot import Conclusion, ReceivedDecision
from perdure.flow.facts import DRAIN_DECISIONS
from perdure.flow.open_requests import OpenRequests
from perdure.flow.publisher import BUS_RETRY, BUS_TIMEOUT, FactPublisher, end_workflow_task

__all__ = ["DECISION_SIGNAL", "ApprovalsHost"]

DECISION_SIGNAL: Final = "perdure_decision"
"""The signal by which the bridge hands a decision to a run; its argument is a ``ReceivedDecision``."""

_DRAINS: Final = "perdure-silence-is-sure"  # a patch id: histories hold it


class ApprovalsHost:
    """Opens requests, receives decisions on them, and publishes the receipts.

    Attributes:
        requested: How many approvals the run has requested, including the runs that it continues.
    """

    def __init__(self, publisher: FactPublisher) -> None:
        self.requested = 0
        self._publisher = publisher
        self._requests = OpenRequests()

    @property
    def early_decisions(self) -> tuple[ReceivedDecision, ...]:
        """The decisions on requests that are not open yet."""
        return self._requests.early

    def restore(self, requested: int, early_decisions: Iterable[ReceivedDecision]) -> None:
        """Take over the state of the run that this one continues."""
        self.requested = requested
        for decision in early_decisions:
            self._requests.receive(decision, workflow.now())

    def listen(self) -> None:
        """Receive decisions from now on, starting with those that came before."""
        workflow.set_signal_handler(DECISION_SIGNAL, self._receive)

    def next_request_id(self) -> str:
        """Return the id of the next request: ``<workflow id>.<n>``."""
        self.requested += 1
        return f"{workflow.info().workflow_id}.{self.requested}"

    def open(self, request: ApprovalRequested) -> tuple[asyncio.Future[Conclusion], list[Receipt]]:
        """Open a request; returns the future of its conclusion, and the receipts of early decisions on it."""
        return self._requests.open(request)

    def escalate(self, request_id: str, rung: Escalation) -> None:
        """Let the people and roles of a rung vote too, or instead."""
        self._requests.escalate(request_id, rung)

    def close(self, request_id: str, code: ReceiptCode, reason: str) -> None:
        """Refuse decisions on this request from now on, with this receipt."""
        self._requests.close(request_id, code, reason)

    def withdraw(self, request_id: str) -> None:
        """Close a request that the run no longer waits for, and publish that soon; a closed one stays as it is."""
        if withdrawn := self._requests.withdraw(request_id, workflow.now()):
            self._publisher.publish_in_next_task(withdrawn)

    async def drain_decisions(self) -> None:
        """Wait until every decision that is stored now was handed to its run: only then has nobody voted."""
        if workflow.patched(_DRAINS):
            await workflow.execute_local_activity(
                DRAIN_DECISIONS, start_to_close_timeout=BUS_TIMEOUT, retry_policy=BUS_RETRY
            )
            await end_workflow_task()  # the decisions arrive with the next workflow task

    async def close_all(self) -> list[ApprovalExpired | Receipt]:
        """Close what is open when the run ends; returns the facts and receipts to publish."""
        last = list(self._requests.close_all(workflow.now()))
        if any(isinstance(fact, ApprovalExpired) for fact in last):
            await end_workflow_task()
        return last

    def _receive(self, received: ReceivedDecision) -> None:
        receipt = self._requests.receive(received, received.stored_at or workflow.now())
        if receipt is not None:
            self._publisher.publish_soon([receipt])

"""The approval requests of one run, connected to its signal, its worker's verdicts, its facts and its clock."""

import asyncio
import re
from collections.abc import Iterable
from typing import Final

from temporalio import workflow

from perdure.contracts import ApprovalExpired, ApprovalRequested, Escalation, Receipt, ReceiptCode
from perdure.flow.decision_verdict import DecisionVerdict
from perdure.flow.facts import DRAIN_DECISIONS
from perdure.flow.open_requests import OpenRequests
from perdure.flow.publisher import BUS_RETRY, BUS_TIMEOUT, FactPublisher, end_workflow_task
from perdure.flow.unverified_decisions import UnverifiedDecisions
from perdure.voting.ballot import Conclusion, ReceivedDecision

__all__ = ["DECISION_SIGNAL", "ApprovalsHost"]

DECISION_SIGNAL: Final = "perdure_decision"
"""The signal by which the bridge hands a decision to a run. Its argument is a ``ReceivedDecision``, of which the run
believes only the place."""

_SHOWN: Final = 40  # characters of what a signal names instead of a place
_LONGEST_ID: Final = 1_000  # characters; a receipt's own id has a few more

_EARLIER_RUN: Final = "an earlier run of this workflow id requested it, and has ended"

# Patch ids: histories hold them. The second is followed by a number.
_DRAINS: Final = "perdure-silence-is-sure"
_RARE: Final = "perdure-reminders-grow-rarer"


class ApprovalsHost:
    """Opens requests, receives decisions on them, and publishes the receipts.

    Attributes:
        requested: How many approvals the run has requested, including the runs that it continues.
    """

    def __init__(self, publisher: FactPublisher) -> None:
        self.requested = 0
        self._requested_before = 0
        self._publisher = publisher
        self._requests = OpenRequests()
        self._unverified = UnverifiedDecisions(self._judge_verified, self._publish_receipts)
        self._receipts: list[Receipt] = []
        self._reminders_are_rare = False
        self._count = 0

    @property
    def early_decisions(self) -> tuple[ReceivedDecision, ...]:
        """The decisions on requests that are not open yet."""
        return self._requests.early

    @property
    def judged_places(self) -> tuple[int, ...]:
        """The sequences in DECISIONS of what was judged last; early decisions are not."""
        early = {decision.place for decision in self.early_decisions}
        return tuple(place for place in self._unverified.places if f"DECISIONS.{place}" not in early)

    def restore(self, requested: int, early_decisions: Iterable[ReceivedDecision], judged: Iterable[int]) -> None:
        """Take over the state of the run that this one continues; what it had verified is verified again."""
        self.requested = self._requested_before = requested
        self._unverified.skip(judged)
        for decision in early_decisions:
            if not self._unverified.takes_next():
                self._requests.receive(decision, workflow.now())
            else:
                self._unverified.add(decision)

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
        """Wait until every decision that is stored now was judged by its run: only then has nobody voted."""
        if workflow.patched(_DRAINS):
            await workflow.execute_local_activity(
                DRAIN_DECISIONS, start_to_close_timeout=BUS_TIMEOUT, retry_policy=BUS_RETRY
            )
            await end_workflow_task()  # the decisions arrive with the next workflow task
        await self.settled()

    def reminders_are_rare(self) -> bool:
        """Return whether reminders grow rarer, and come once after an outage.

        An answer of ``patched`` holds for the whole run. So a run that was False once, as it replayed a reminder of the
        time before, is asked again for each reminder: no open run goes on reminding as older code did.
        """
        if not self._reminders_are_rare:
            self._count += 1
            self._reminders_are_rare = workflow.patched(f"{_RARE}-{self._count}")
        return self._reminders_are_rare

    @property
    def has_unverified(self) -> bool:
        """Whether decisions have arrived that are not judged yet."""
        return self._unverified.are_pending

    async def settled(self) -> None:
        """Wait until every decision that has arrived is verified and judged."""
        await self._unverified.settled()

    async def close_all(self) -> list[ApprovalExpired | Receipt]:
        """Close what is open when the run ends; returns the facts and receipts to publish."""
        last = list(self._requests.close_all(workflow.now()))
        if any(isinstance(fact, ApprovalExpired) for fact in last):
            await end_workflow_task()
        return last

    def _receive(self, received: ReceivedDecision | None) -> None:
        if received is None:  # a signal of JSON's null, which no type refuses
            self._note("A decision was left out: the signal has no argument")
        elif not self._unverified.takes_next():
            self._judge(received)
            self._publish_receipts()
        elif not self._unverified.add(received):
            self._note(f"A decision was left out: {received.place[:_SHOWN] or 'no text'} is no place in DECISIONS")

    def _judge(self, received: ReceivedDecision) -> None:
        receipt = self._requests.receive(received, received.stored_at or workflow.now())
        if receipt is not None:
            self._receipts.append(receipt)

    def _judge_verified(self, verdict: DecisionVerdict, claim: ReceivedDecision) -> None:
        received = verdict.received
        if received is not None and verdict.code is None and not self._was_requested_before(received):
            self._judge(received.model_copy(update={"may_have_counted": _began_again()}))
        elif received is not None:
            code, reason = verdict.code or "no_longer_asked", verdict.reason or _EARLIER_RUN
            receipt = received.receipt(code, reason)
            self._receipts.append(receipt.model_copy(update={"place": received.place}))
        elif verdict.code == "not_kept" and self._may_have_receipt(claim):
            receipt = claim.receipt("not_kept", verdict.reason)
            self._receipts.append(receipt.model_copy(update={"approvers_digest": None}))  # the signal claims it
        else:
            self._note(f"DECISIONS.{verdict.sequence} was left out: {verdict.reason}")

    def _was_requested_before(self, received: ReceivedDecision) -> bool:
        """Return whether an earlier run of the chain opened the request, which ended with that run."""
        return 0 < _number(received.decision.request_id) <= self._requested_before

    def _may_have_receipt(self, claim: ReceivedDecision) -> bool:
        """Return whether a receipt may repeat what a signal claims: a short one on a request of this run."""
        is_short = claim.decision_id == claim.decision.message_id and len(claim.decision_id) <= _LONGEST_ID
        return is_short and _number(claim.decision.request_id) > 0

    def _note(self, text: str) -> None:
        self._publisher.publish_soon([self._publisher.fact("note", result=text)])

    def _publish_receipts(self) -> None:
        receipts, self._receipts = self._receipts, []
        if receipts:
            self._publisher.publish_soon(receipts)


def _number(request_id: str) -> int:
    """Return the number of a request of this workflow id; 0 if it is none."""
    number = re.fullmatch(rf"{re.escape(workflow.info().workflow_id)}\.([1-9][0-9]{{0,8}})", request_id)
    return int(number[1]) if number else 0


def _began_again() -> bool:
    """Return whether Temporal began the run anew, as a retry or by cron: it knows nothing of what was judged before."""
    info = workflow.info()
    return info.attempt > 1 or (info.cron_schedule is not None and info.continued_run_id is not None)

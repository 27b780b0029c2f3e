"""One run, as Perdure sees it from inside: it numbers its facts, says them, and keeps the answers that people send.

There is one per workflow run; the worker's interceptor opens it, agents and approvals find it by ``Run.current()``.
"""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final, Self

from pydantic import JsonValue
from temporalio import workflow
from temporalio.common import RetryPolicy

from perdure.contracts import ApprovalExpired, Progress, ProgressKind, Receipt, RunUsage
from perdure.flow.ballot import ReceivedDecision
from perdure.flow.facts import (
    CARRIED_STATE_MEMO,
    DRAIN_DECISIONS,
    PUBLISH_FACTS,
    CarriedState,
    ExpectedFacts,
    Fact,
    FactBatch,
)
from perdure.flow.messages import READ_RULES, OperatorRules
from perdure.flow.open_requests import OpenRequests

__all__ = ["DECISION_SIGNAL", "EVENT_MEMO", "Run"]

DECISION_SIGNAL: Final = "perdure_decision"
"""The signal by which the bridge hands a decision to a run; its argument is an ``ArrivedDecision``."""

EVENT_MEMO: Final = "perdure_event_id"
"""The memo field that holds the id of the event that started the run."""

_ATTRIBUTE: Final = "__perdure_run"
_SILENCE_IS_SURE: Final = "perdure-silence-is-sure"
_FOR_GOOD: Final = 0.001
"""Seconds of a timer that ends the workflow task: were it repeated, answers that came since would be judged first."""

_SAID_WITHIN: Final = timedelta(seconds=10)  # one try; there are as many as it takes
_RETRY: Final = RetryPolicy(initial_interval=timedelta(milliseconds=200), maximum_interval=timedelta(seconds=10))


class Run:
    """What a run remembers for Perdure.

    Attributes:
        inbox: The answers that people sent.
        asked: How many approvals the run has asked for.
        alerts: How many alerts it has raised.
        usage: What its agents have used up to now.
        began_at: When it began (UTC), or the first of those in whose place it goes on.
        beginning: The fact that it has started, whoever says it.
    """

    beginning: Progress

    def __init__(self) -> None:
        self.requests = OpenRequests()
        self.approvals_requested = 0
        self.alerts = 0
        self.usage = RunUsage()
        self.began_at = workflow.info().workflow_start_time
        self._requests = 0
        self._rules: asyncio.Task[OperatorRules] | None = None
        self._numbers = 0
        self._beginning: Progress | None = None
        self._saying: list[asyncio.Task[Any]] = []

    @classmethod
    def open(cls) -> Self:
        """Begin to remember for the run whose code is about to execute; its first fact is that it has started."""
        run = cls()
        run._take_over(workflow.memo_value(CARRIED_STATE_MEMO, CarriedState(), type_hint=CarriedState))
        setattr(workflow.instance(), _ATTRIBUTE, run)
        workflow.set_signal_handler(DECISION_SIGNAL, run._take_decision)
        run.beginning = run._beginning = run.fact("started")
        run._saying.append(asyncio.create_task(run._say_beginning()))
        return run

    @staticmethod
    def current() -> "Run":
        """Return the run whose code is executing.

        Raises:
            RuntimeError: The worker that executes it is none of Perdure's.
        """
        run = getattr(workflow.instance(), _ATTRIBUTE, None)
        if not isinstance(run, Run):
            raise RuntimeError("Agents and approvals need Perdure's worker: run this with perdure_orchestrator.")  # noqa: TRY004
        return run

    @property
    def event_id(self) -> str | None:
        """The event that started the run, if one did."""
        return workflow.memo_value(EVENT_MEMO, None, type_hint=str)

    def reserve(self, count: int) -> int:
        """Hand out the next numbers and return the first of them."""
        first = self._numbers + 1
        self._numbers += count
        return first

    def fact(  # noqa: PLR0913 (what a fact consists of)
        self,
        kind: ProgressKind,
        *,
        sequence: int | None = None,
        step: str | None = None,
        result: JsonValue = None,
        error: str | None = None,
        usage: RunUsage | None = None,
    ) -> Progress:
        """Make a fact of this run, with the next number unless one was reserved for it."""
        info = workflow.info()
        return Progress(
            workflow=info.workflow_type,
            workflow_id=info.workflow_id,
            run_id=info.run_id,
            sequence=sequence or self.reserve(1),
            kind=kind,
            step=step,
            event_id=self.event_id,
            at=workflow.now(),
            result=result,
            error=error,
            usage=usage,
        )

    def count_request(self) -> int:
        """Return which request to a model this is, from 1."""
        self._requests += 1
        return self._requests

    def add_usage(self, usage: RunUsage) -> None:
        """Remember what an answered request or call used."""
        self.usage += usage

    def carried_state(self) -> CarriedState:
        """Return what the run that goes on in the place of this one must know."""
        return CarriedState(
            began_at=self.began_at,
            usage=self.usage,
            model_requests=self._requests,
            approvals_requested=self.approvals_requested,
            early_decisions=self.requests.early,
        )

    async def rules(self) -> OperatorRules:
        """Return the operator's rules as they were when the run first asked."""
        if self._rules is None:
            self._rules = asyncio.create_task(_read_rules())
        return await asyncio.shield(self._rules)

    def take_beginning(self) -> Progress | None:
        """Return the fact that the run has started, unless somebody took it before and says it."""
        beginning, self._beginning = self._beginning, None
        return beginning

    async def publish(self, facts: Sequence[Fact], *, after: ExpectedFacts | None = None) -> None:
        """Say facts, in order and after what others were to say, and return once they are stored.

        Who is cancelled meanwhile has said them all the same: they have their numbers, and answers were judged.
        """
        saying = workflow.start_local_activity(
            PUBLISH_FACTS,
            FactBatch(facts=tuple(facts), expected=after),
            start_to_close_timeout=_SAID_WITHIN,
            retry_policy=_RETRY,
        )
        self._saying.append(saying)
        try:
            await asyncio.shield(saying)
        finally:
            if saying.done() and saying in self._saying:
                self._saying.remove(saying)

    def publish_soon(self, facts: Sequence[Fact]) -> None:
        """Say facts while the run goes on; the run does not end before they are stored."""
        self._saying.append(asyncio.create_task(self.publish(facts)))

    async def drain_decisions(self) -> None:
        """Wait until every decision that was stored by now is handed over: silence is none while one is on its way."""
        if workflow.patched(_SILENCE_IS_SURE):
            await workflow.execute_local_activity(
                DRAIN_DECISIONS, start_to_close_timeout=_SAID_WITHIN, retry_policy=_RETRY
            )
            await asyncio.sleep(_FOR_GOOD)  # what was handed over meanwhile comes with the next workflow task

    def withdraw_request(self, request_id: str) -> None:
        """No longer ask this, unless it is closed already, and say so soon."""
        if dropped := self.requests.withdraw(request_id, workflow.now()):
            self._saying.append(asyncio.create_task(self._say_for_good(dropped)))

    async def close(self) -> list[ApprovalExpired | Receipt]:
        """Drop what is still open when the run ends; returns what is to be said of it, and of answers to the rest."""
        last = list(self.requests.close_all(workflow.now()))
        if any(isinstance(said, ApprovalExpired) for said in last):
            await asyncio.sleep(_FOR_GOOD)
        return last

    async def all_published(self) -> None:
        """Wait until nothing is left to be said."""
        while self._saying:
            try:
                await asyncio.shield(asyncio.gather(*self._saying))
            finally:
                self._saying = [it for it in self._saying if not it.done()]

    def _take_over(self, carried: CarriedState) -> None:
        self.began_at = carried.began_at or self.began_at
        self.usage, self._requests, self.approvals_requested = (
            carried.usage,
            carried.model_requests,
            carried.approvals_requested,
        )
        for early in carried.early_decisions:
            self.requests.receive(early, workflow.now())

    async def _say_beginning(self) -> None:
        """Say it, if the run's code, which comes first, and the tasks that it made have scheduled no step by now."""
        await asyncio.sleep(0)
        beginning = self.take_beginning()
        if beginning is not None:
            await self.publish([beginning])

    async def _say_for_good(self, facts: Sequence[Fact]) -> None:
        await asyncio.sleep(_FOR_GOOD)
        await self.publish(facts)

    def _take_decision(self, arrived: ReceivedDecision) -> None:
        receipt = self.requests.receive(arrived, arrived.stored_at or workflow.now())
        if receipt is not None:
            self.publish_soon([receipt])


async def _read_rules() -> OperatorRules:
    rules: OperatorRules = await workflow.execute_local_activity(
        READ_RULES, result_type=OperatorRules, start_to_close_timeout=_SAID_WITHIN, retry_policy=_RETRY
    )
    return rules

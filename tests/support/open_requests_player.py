"""Plays a scenario on a run's open requests alone: without Temporal, with its own clock, and with killed workers."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from perdure.contracts import ApprovalRequested, Decision, Escalation, Policy, Receipt
from perdure.flow.open_requests import OpenRequests
from perdure.voting.ballot import Conclusion, ReceivedDecision
from tests.support.scenarios.actions import KillWorker, PassTime
from tests.support.scenarios.request import Request
from tests.support.scenarios.resolved_policy import resolved_policy
from tests.support.scenarios.scenario import Scenario, StoredDecision

START = datetime(2026, 11, 24, tzinfo=UTC)
TICK = timedelta(minutes=5)


@dataclass
class Memory:
    """The state that a worker holds, and loses when it is killed."""

    requests: OpenRequests = field(default_factory=OpenRequests)
    conclusions: list[asyncio.Future[Conclusion]] = field(default_factory=list)


Operation = Callable[[Memory], list[Receipt]]


@dataclass
class OpenRequestsPlayer:
    """Applies a scenario to open requests as a run does; the applied operations are the run's history."""

    scenario: Scenario
    now: timedelta = timedelta()
    memory: Memory = field(default_factory=Memory)
    history: list[tuple[Operation, list[Receipt]]] = field(default_factory=list)
    opened: list[timedelta] = field(default_factory=list)
    expired: set[int] = field(default_factory=set)
    is_over: bool = False

    def __post_init__(self) -> None:
        self.policies = [resolved_policy(request, self.scenario.floor) for request in self.scenario.requests]
        self.verified = {stored.place: stored for stored in self.scenario.stream}

    def play(self) -> None:
        self.work()
        for step in self.scenario.steps:
            if isinstance(step.action, PassTime):
                self.pass_time(step.action.hours)
            if step.delivered is not None and not self.is_over:
                is_published = step.delivered.decision.number <= len(self.opened)
                stored = self.verified[step.delivered.place]
                self.apply(_receive(stored, self.now, is_published=is_published))
            if isinstance(step.action, KillWorker):
                self.replay()
            if not step.is_dead:
                self.work()
        self.work()
        self.apply(_close_all(self.now))

    def pass_time(self, hours: int) -> None:
        self.work()
        for _ in range(hours * 12):
            self.now += TICK
            self.work()

    def work(self) -> None:
        if not self.is_over:
            self.fire_timers()
            while self.may_open:
                self.open_next()
                self.fire_timers()
            self.is_over = self.has_enough

    def fire_timers(self) -> None:
        for number, opened in enumerate(self.opened):
            policy, request_id = self.policies[number], f"w.{number + 1}"
            if not self.is_closed(number):
                for escalation in policy.escalate:
                    if opened + escalation.after == self.now:
                        self.apply(_escalate(request_id, escalation))
                if policy.timeout is not None and opened + policy.timeout <= self.now:
                    self.expired.add(number)
                    self.apply(_expire(request_id))

    def open_next(self) -> None:
        number = len(self.opened)
        self.opened.append(self.now)
        request, policy = self.scenario.requests[number], self.policies[number]
        self.apply(_open(_approval_requested(request, policy, number + 1, self.now)))

    def apply(self, operation: Operation) -> None:
        self.history.append((operation, operation(self.memory)))

    def replay(self) -> None:
        """Apply the whole history to a new memory; each decision is judged as it was."""
        self.memory = Memory()
        for operation, receipts in self.history:
            assert operation(self.memory) == receipts

    @property
    def may_open(self) -> bool:
        previous_closed = self.scenario.order != "in turn" or all(map(self.is_closed, range(len(self.opened))))
        return self.now >= self.scenario.lead and len(self.opened) < len(self.scenario.requests) and previous_closed

    @property
    def has_enough(self) -> bool:
        closed = [self.is_closed(number) for number in range(len(self.opened))]
        return len(closed) == len(self.scenario.requests) and (
            any(closed) if self.scenario.order == "any" else all(closed)
        )

    def is_closed(self, number: int) -> bool:
        return number in self.expired or self.memory.conclusions[number].done()

    @property
    def outcomes(self) -> list[tuple[str, list[str]]]:
        return [self.outcome(number) for number in range(len(self.opened))]

    def outcome(self, number: int) -> tuple[str, list[str]]:
        if self.memory.conclusions[number].done():
            conclusion = self.memory.conclusions[number].result()
            return conclusion.decision, [vote.approver for vote in conclusion.votes]
        return "expired" if number in self.expired else "withdrawn", []

    @property
    def receipts(self) -> list[Receipt]:
        last = [conclusion.result().last for conclusion in self.memory.conclusions if conclusion.done()]
        published = [receipt for _, receipts in self.history for receipt in receipts]
        return published + [decision.receipt("accepted", "it settles the request") for decision in last]


def _approval_requested(request: Request, policy: Policy, number: int, now: timedelta) -> ApprovalRequested:
    return ApprovalRequested(
        workflow="W",
        workflow_id="w",
        run_id="r",
        request_id=f"w.{number}",
        title=f"{number}?",
        policy=policy,
        requester=request.requester,
        digest=f"{number}" * 64,
        digest_version=2,
        opened_at=START + now,
        expires_at=None if policy.timeout is None else START + now + policy.timeout,
    )


def _receive(stored: StoredDecision, now: timedelta, *, is_published: bool) -> Operation:
    planned = stored.decision
    decision = Decision(
        workflow_id="w",
        request_id=f"w.{planned.number}",
        decision=planned.choice,
        approver=planned.who,
        digest=(f"{planned.number}" if planned.right_digest and is_published else "f") * 64,
        expires_at=None if planned.valid_hours is None else START + timedelta(hours=planned.valid_hours, minutes=40),
        nonce=f"{planned.nonce}",
    )
    received = ReceivedDecision(
        decision_id=decision.message_id,
        decision=decision,
        place=f"DECISIONS.{stored.place}",
        roles=stored.roles,
        own_roles=stored.own_roles,
        stands_in_for=stored.absent,
        proxy="slack" if planned.proxy else None,
    )

    def operation(memory: Memory) -> list[Receipt]:
        receipt = memory.requests.receive(received, START + now)
        return [] if receipt is None else [receipt]

    return operation


def _open(request: ApprovalRequested) -> Operation:
    def operation(memory: Memory) -> list[Receipt]:
        conclusion, receipts = memory.requests.open(request)
        memory.conclusions.append(conclusion)
        return receipts

    return operation


def _escalate(request_id: str, escalation: Escalation) -> Operation:
    def operation(memory: Memory) -> list[Receipt]:
        memory.requests.escalate(request_id, escalation)
        return []

    return operation


def _expire(request_id: str) -> Operation:
    def operation(memory: Memory) -> list[Receipt]:
        memory.requests.close(request_id, "request_expired", "nobody answered in time")
        return []

    return operation


def _close_all(now: timedelta) -> Operation:
    def operation(memory: Memory) -> list[Receipt]:
        return [it for it in memory.requests.close_all(START + now) if isinstance(it, Receipt)]

    return operation

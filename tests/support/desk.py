"""Lives through a story with a run's inbox alone: no Temporal, its own clock, and deaths that forget everything."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from perdure.contracts import ApprovalRequested, Decision, Escalation, Receipt
from perdure.flow.ballot import Conclusion, ReceivedDecision
from perdure.flow.open_requests import OpenRequests
from tests.support.scenarios.scenario import ROLES, STANDS_IN, Ask, Die, Heard, Pass, Story

BEGINNING = datetime(2026, 11, 24, tzinfo=UTC)
TICK = timedelta(minutes=5)


@dataclass
class Memory:
    """What a worker holds, and loses when it dies."""

    inbox: OpenRequests = field(default_factory=OpenRequests)
    answers: list[asyncio.Future[Conclusion]] = field(default_factory=list)


Deed = Callable[[Memory], list[Receipt]]


@dataclass
class Desk:
    """Does to an inbox what a run does, by a clock of its own; what it did is the run's history."""

    story: Story
    now: timedelta = timedelta()
    memory: Memory = field(default_factory=Memory)
    history: list[tuple[Deed, list[Receipt]]] = field(default_factory=list)
    opened: list[timedelta] = field(default_factory=list)
    expired: set[int] = field(default_factory=set)
    is_over: bool = False

    def live(self) -> None:
        self.go_on()
        for scene in self.story.scenes:
            if isinstance(scene.step, Pass):
                self.wait(scene.step.hours)
            if scene.heard is not None and not self.is_over:
                self.do(_arriving(scene.heard, self.now))
            if isinstance(scene.step, Die):
                self.begin_anew()
            if not scene.is_dead:
                self.go_on()
        self.go_on()
        self.do(_ending(self.now))

    def wait(self, hours: int) -> None:
        self.go_on()
        for _ in range(hours * 12):
            self.now += TICK
            self.go_on()

    def go_on(self) -> None:
        if not self.is_over:
            self.keep_time()
            while self.may_ask:
                self.ask()
                self.keep_time()
            self.is_over = self.has_enough

    def keep_time(self) -> None:
        for number, opened in enumerate(self.opened):
            ask, name = self.story.asks[number], f"w.{number + 1}"
            if not self.is_closed(number):
                for rung in ask.policy.escalate:
                    if opened + rung.after == self.now:
                        self.do(_widening(name, rung))
                if ask.timeout is not None and opened + ask.span(ask.timeout) <= self.now:
                    self.expired.add(number)
                    self.do(_expiring(name))

    def ask(self) -> None:
        number = len(self.opened)
        self.opened.append(self.now)
        self.do(_asking(_request(self.story.asks[number], number + 1, self.now)))

    def do(self, deed: Deed) -> None:
        self.history.append((deed, deed(self.memory)))

    def begin_anew(self) -> None:
        """Do everything again; each answer is judged as it was."""
        self.memory = Memory()
        for deed, receipts in self.history:
            assert deed(self.memory) == receipts

    @property
    def may_ask(self) -> bool:
        next_one = self.story.order != "in turn" or all(map(self.is_closed, range(len(self.opened))))
        return self.now >= self.story.lead and len(self.opened) < len(self.story.asks) and next_one

    @property
    def has_enough(self) -> bool:
        closed = [self.is_closed(number) for number in range(len(self.opened))]
        return len(closed) == len(self.story.asks) and (any(closed) if self.story.order == "any" else all(closed))

    def is_closed(self, number: int) -> bool:
        return number in self.expired or self.memory.answers[number].done()

    @property
    def fates(self) -> list[tuple[str, list[str]]]:
        return [self.fate(number) for number in range(len(self.opened))]

    def fate(self, number: int) -> tuple[str, list[str]]:
        if self.memory.answers[number].done():
            conclusion = self.memory.answers[number].result()
            return conclusion.decision, [voice.approver for voice in conclusion.votes]
        return "expired" if number in self.expired else "no longer asked", []

    @property
    def receipts(self) -> list[Receipt]:
        settling = [answer.result().last for answer in self.memory.answers if answer.done()]
        told = [receipt for _, receipts in self.history for receipt in receipts]
        return told + [decision.receipt("accepted", "it settles the request") for decision in settling]


def _request(ask: Ask, number: int, now: timedelta) -> ApprovalRequested:
    return ApprovalRequested(
        workflow="W",
        workflow_id="w",
        run_id="r",
        request_id=f"w.{number}",
        title=f"{number}?",
        policy=ask.policy,
        requester=ask.requester,
        digest=f"{number}" * 64,
        opened_at=BEGINNING + now,
        expires_at=None if ask.timeout is None else BEGINNING + now + ask.span(ask.timeout),
    )


def _arriving(heard: Heard, now: timedelta) -> Deed:
    say, other = heard.say, STANDS_IN.get(heard.say.who)
    decision = Decision(
        workflow_id="w",
        request_id=f"w.{say.about}",
        decision=say.word,
        approver=say.who,
        digest=(f"{say.about}" if say.saw else "f") * 64,
        expires_at=None if say.good_for is None else BEGINNING + timedelta(hours=say.good_for, minutes=40),
        nonce=f"{say.nonce}",
    )
    arrived = ReceivedDecision(
        decision_id=decision.message_id,
        decision=decision,
        place=f"DECISIONS.{heard.place}",
        roles=ROLES[say.who] + (ROLES[other] if other else ()),
        stands_in_for=(other,) if other else (),
        proxy="slack" if say.proxy else None,
    )

    def deed(memory: Memory) -> list[Receipt]:
        receipt = memory.inbox.receive(arrived, BEGINNING + now)
        return [] if receipt is None else [receipt]

    return deed


def _asking(request: ApprovalRequested) -> Deed:
    def deed(memory: Memory) -> list[Receipt]:
        answer, receipts = memory.inbox.open(request)
        memory.answers.append(answer)
        return receipts

    return deed


def _widening(request_id: str, rung: Escalation) -> Deed:
    def deed(memory: Memory) -> list[Receipt]:
        memory.inbox.escalate(request_id, rung)
        return []

    return deed


def _expiring(request_id: str) -> Deed:
    def deed(memory: Memory) -> list[Receipt]:
        memory.inbox.close(request_id, "request_expired", "nobody answered in time")
        return []

    return deed


def _ending(now: timedelta) -> Deed:
    def deed(memory: Memory) -> list[Receipt]:
        return [said for said in memory.inbox.close_all(BEGINNING + now) if isinstance(said, Receipt)]

    return deed

"""A scenario: what happens to the approval requests of one run, in which order, and when its worker is killed."""

from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Final, Literal

from perdure.contracts import Escalation, Policy
from tests.support.scenarios.actions import Action, Decide, Flaw, KillWorker, PassTime, Repeat, Revoke

ROLES: Final = {"ann": ("editor",), "bob": ("editor",), "eve": ("editor",), "lee": ("legal",), "dan": (), "cat": ()}
DELEGATES: Final = {"cat": "ann", "dan": "eve"}
"""The delegate and the person who is away, ann or eve; both may vote."""


@dataclass(frozen=True)
class EscalationStep:
    """An escalation after some hours."""

    after: int
    people: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    instead: bool = False


@dataclass(frozen=True)
class Request:
    """One approval request; all durations are in hours.

    Attributes:
        minutes: Added to each timer, so that no decision arrives in the instant in which a timer fires. Two requests
            have different minutes: the test server fails when a timer is cancelled as it fires.
    """

    people: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    quorum: int = 1
    rejections: int = 1
    veto_roles: tuple[str, ...] = ()
    proxies: bool = True
    distinct_people: bool = False
    requester: str | None = None
    requester_may_answer: bool = False
    remind_every: int | None = None
    escalations: tuple[EscalationStep, ...] = ()
    timeout: int | None = None
    silence: Literal["reject", "approve"] = "reject"
    minutes: int = 20

    def span(self, hours: int) -> timedelta:
        """Return the delay of a timer; 0 hours are no delay at all."""
        return timedelta(hours=hours, minutes=self.minutes if hours else 0)

    @cached_property
    def policy(self) -> Policy:
        return Policy(
            people=self.people,
            roles=self.roles,
            quorum=self.quorum,
            rejections=self.rejections,
            veto_roles=self.veto_roles,
            proxies=self.proxies,
            distinct_people=self.distinct_people,
            requester_may_answer=self.requester_may_answer,
            remind_every=None if self.remind_every is None else self.span(self.remind_every),
            escalate=tuple(
                Escalation(after=self.span(it.after), people=it.people, roles=it.roles, instead=it.instead)
                for it in self.escalations
            ),
            timeout=None if self.timeout is None else self.span(self.timeout),
            silence=self.silence,
        )


@dataclass(frozen=True)
class StoredDecision:
    """A decision at its place in the stream.

    Attributes:
        at: The time since the start of the scenario.
        is_revoked: Whether the approver's key was revoked before.
    """

    decision: Decide
    place: int
    at: timedelta
    is_revoked: bool = False

    @property
    def flaw(self) -> Flaw | None:
        """Why it is refused before anybody looks at its request."""
        return self.decision.flaw or ("revoked_key" if self.is_revoked and not self.decision.proxy else None)

    @property
    def key(self) -> tuple[int, str, int]:
        """What identifies the decision: request, approver and nonce."""
        return self.decision.number, self.decision.who, self.decision.nonce


@dataclass(frozen=True)
class Step:
    """An action and its effect.

    Attributes:
        delivered: The decision that the bridge receives, if any.
        is_dead: Whether no worker runs afterwards.
    """

    action: Action
    delivered: StoredDecision | None
    is_dead: bool

    @property
    def is_redelivery(self) -> bool:
        return isinstance(self.action, Repeat) and self.action.same_place


@dataclass(frozen=True)
class Scenario:
    """One run and the actions around it.

    Attributes:
        order: Whether the run opens all requests at once and waits for all or for any, or opens one after the other.
        lead: The run opens its first request after this time.
        renews: Whether a run that opens its requests in turn opens each in a run of its own, as new.
    """

    requests: tuple[Request, ...]
    actions: tuple[Action, ...]
    order: Literal["all", "any", "in turn"] = "all"
    lead: timedelta = timedelta()
    renews: bool = False

    @cached_property
    def steps(self) -> list[Step]:
        steps: list[Step] = []
        stream: list[StoredDecision] = []
        now, missed, revoked = timedelta(), 0, set[str]()
        for action in self.actions:
            delivered = None
            match action:
                case PassTime(hours):
                    now, missed = now + timedelta(hours=hours), 0
                case KillWorker():
                    missed = action.missed
                case Repeat(of, same_place=True) if stream:
                    delivered = stream[of % len(stream)]
                case Revoke(who):
                    revoked.add(who)
                case Repeat(of) if stream:
                    again = stream[of % len(stream)].decision
                    stream.append(delivered := StoredDecision(again, len(stream) + 1, now, again.who in revoked))
                case Decide(who):
                    stream.append(delivered := StoredDecision(action, len(stream) + 1, now, who in revoked))
            missed -= delivered is not None and missed > 0
            steps.append(Step(action, delivered, is_dead=missed > 0))
        return steps

    @property
    def stream(self) -> list[StoredDecision]:
        """The decisions in the stream at the end."""
        by_place = {step.delivered.place: step.delivered for step in self.steps if step.delivered is not None}
        return list(by_place.values())

    @property
    def duration(self) -> timedelta:
        return timedelta(hours=sum(action.hours for action in self.actions if isinstance(action, PassTime)))

    def last_place_received_with(self, place: int) -> int:
        """Return the last place that a run receives together with this one, because its worker was dead."""
        last, reached = place, False
        for step in self.steps:
            reached = reached or (step.delivered is not None and step.delivered.place == place)
            if reached and isinstance(step.action, PassTime):
                break
            if reached and step.delivered is not None:
                last = max(last, step.delivered.place)
            if reached and not step.is_dead:
                break
        return last

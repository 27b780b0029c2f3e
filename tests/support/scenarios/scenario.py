"""A scenario: what happens to the approval requests of one run, in which order, and when its worker is killed."""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cached_property
from typing import Literal

from tests.support.scenarios.actions import Action, Decide, Flaw, KillWorker, PassTime, Repeat
from tests.support.scenarios.floor import Floor
from tests.support.scenarios.population import Population
from tests.support.scenarios.request import Request

__all__ = ["Scenario", "Step", "StoredDecision"]


@dataclass(frozen=True)
class StoredDecision:
    """A decision at its place in the stream.

    Attributes:
        at: The time since the start of the scenario.
        is_revoked: Whether the approver's key was revoked before.
        absent: The people for whom the approver may vote too, when it is stored.
        own_roles: The approver's roles when the worker reads the file to verify it.
        roles: These, and those of the absent people.
    """

    decision: Decide
    place: int
    at: timedelta
    is_revoked: bool = False
    absent: tuple[str, ...] = ()
    own_roles: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()

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
        floor: The operator's policy, if there is one.
    """

    requests: tuple[Request, ...]
    actions: tuple[Action, ...]
    order: Literal["all", "any", "in turn"] = "all"
    lead: timedelta = timedelta()
    renews: bool = False
    floor: Floor | None = None

    @cached_property
    def steps(self) -> list[Step]:
        history = _History()
        return [history.step(action) for action in self.actions]

    @cached_property
    def stream(self) -> list[StoredDecision]:
        """The decisions in the stream at the end, as they were verified."""
        people, unverified, verified = Population(), dict[int, StoredDecision](), dict[int, StoredDecision]()
        for step in self.steps:
            if isinstance(step.action, PassTime):  # a worker works before
                verified |= {place: _verified(it, people) for place, it in unverified.items()}
                unverified.clear()
            people.edit(step.action)
            if step.delivered is not None and step.delivered.place not in verified:
                unverified.setdefault(step.delivered.place, step.delivered)
            if not step.is_dead:
                verified |= {place: _verified(it, people) for place, it in unverified.items()}
                unverified.clear()
        verified |= {place: _verified(it, people) for place, it in unverified.items()}
        return [verified[place] for place in sorted(verified)]

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


@dataclass
class _History:
    """What has happened so far."""

    now: timedelta = timedelta()
    missed: int = 0
    stream: list[StoredDecision] = field(default_factory=list)
    people: Population = field(default_factory=Population)

    def step(self, action: Action) -> Step:
        delivered = None
        self.people.edit(action)
        match action:
            case PassTime(hours):
                self.now, self.missed = self.now + timedelta(hours=hours), 0
            case KillWorker():
                self.missed = action.missed
            case Repeat(of, same_place=True) if self.stream:
                delivered = self.stream[of % len(self.stream)]
            case Repeat(of) if self.stream:
                delivered = self._store(self.stream[of % len(self.stream)].decision)
            case Decide():
                delivered = self._store(action)
        self.missed -= delivered is not None and self.missed > 0
        return Step(action, delivered, is_dead=self.missed > 0)

    def _store(self, decision: Decide) -> StoredDecision:
        revoked, absent = decision.who in self.people.revoked, self.people.absent(decision.who)
        stored = StoredDecision(decision, len(self.stream) + 1, self.now, revoked, absent)
        self.stream.append(stored)
        return stored


def _verified(stored: StoredDecision, people: Population) -> StoredDecision:
    who = stored.decision.who
    return replace(stored, own_roles=people.roles_of(who), roles=people.roles_of(who, *stored.absent))

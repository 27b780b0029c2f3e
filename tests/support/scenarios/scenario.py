"""What happens to the approvals of one run: who is asked what, who says what, when time passes and who dies."""

from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Final, Literal

from perdure.contracts import Escalation, Policy

ROLES: Final = {"ann": ("editor",), "bob": ("editor",), "eve": ("editor",), "lee": ("legal",), "dan": (), "cat": ()}
STANDS_IN: Final = {"cat": "ann", "dan": "eve"}
"""Who answers for whom: ann and eve are away, and may answer all the same."""

Word = Literal["approve", "reject", "withdraw"]
Flaw = Literal["unsigned", "forged", "unknown_key", "revoked_key"]


@dataclass(frozen=True)
class Rung:
    after: int
    people: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    instead: bool = False


@dataclass(frozen=True)
class Ask:
    """One request.

    Attributes:
        minutes: Its timers are so much later than their hours, so that nobody speaks in the instant in which one fires.
            Those of two requests differ: the test server takes it amiss when a timer is cancelled as it fires.
    """

    people: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    quorum: int = 1
    rejections: int = 1
    veto_roles: tuple[str, ...] = ()
    proxies: bool = True
    requester: str | None = None
    requester_may_answer: bool = False
    remind_every: int | None = None
    ladder: tuple[Rung, ...] = ()
    timeout: int | None = None
    silence: Literal["reject", "approve"] = "reject"
    minutes: int = 20

    def span(self, hours: int) -> timedelta:
        """Return how long it is until a timer; 0 is no time at all."""
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
            requester_may_answer=self.requester_may_answer,
            remind_every=None if self.remind_every is None else self.span(self.remind_every),
            escalate=tuple(
                Escalation(after=self.span(it.after), people=it.people, roles=it.roles, instead=it.instead)
                for it in self.ladder
            ),
            timeout=None if self.timeout is None else self.span(self.timeout),
            silence=self.silence,
        )


@dataclass(frozen=True)
class Say:
    """A decision is published.

    Attributes:
        about: Which request of the run, from 1; it may not be opened yet, or never be.
        nonce: Two with the same person, request and nonce are the same decision, whatever they say.
        saw: Whether it names the right digest.
        good_for: It expires so many hours and 40 minutes after the story's beginning; -1 is before.
        proxy: Whether a program signed for the person.
        flaw: Why it is not the person's at all.
    """

    who: str
    word: Word
    about: int = 1
    nonce: int = 1
    saw: bool = True
    good_for: int | None = None
    proxy: bool = False
    flaw: Flaw | None = None


@dataclass(frozen=True)
class Again:
    """An earlier decision is published again, or delivered again from the place where it lies already."""

    of: int
    same_place: bool


@dataclass(frozen=True)
class Pass:
    hours: int


@dataclass(frozen=True)
class Die:
    """The worker is killed.

    Attributes:
        missed: So many decisions are delivered before another begins, unless time goes on.
        bridge: At which of its awaits the bridge dies as well, when it handles the next decision; 0 is never.
    """

    missed: int = 0
    bridge: int = 0


Step = Say | Again | Pass | Die


@dataclass(frozen=True)
class Heard:
    """A decision at its place in the stream, and when it comes since the story's beginning."""

    say: Say
    place: int
    at: timedelta

    @property
    def name(self) -> tuple[int, str, int]:
        return self.say.about, self.say.who, self.say.nonce


@dataclass(frozen=True)
class Scene:
    """A step, the decision that it delivers, if any, and whether nobody is there to work afterwards."""

    step: Step
    heard: Heard | None
    is_dead: bool

    @property
    def is_redelivery(self) -> bool:
        return isinstance(self.step, Again) and self.step.same_place


@dataclass(frozen=True)
class Story:
    """A run asks after ``lead``: all at once and waits for all or any, or one after the other."""

    asks: tuple[Ask, ...]
    steps: tuple[Step, ...]
    order: Literal["all", "any", "in turn"] = "all"
    lead: timedelta = timedelta()

    @cached_property
    def scenes(self) -> list[Scene]:
        scenes: list[Scene] = []
        stream: list[Heard] = []
        now, missed = timedelta(), 0
        for step in self.steps:
            heard = None
            match step:
                case Pass(hours):
                    now, missed = now + timedelta(hours=hours), 0
                case Die():
                    missed = step.missed
                case Again(of, same_place=True) if stream:
                    heard = stream[of % len(stream)]
                case Again(of) if stream:
                    stream.append(heard := Heard(stream[of % len(stream)].say, len(stream) + 1, now))
                case Say():
                    stream.append(heard := Heard(step, len(stream) + 1, now))
            missed -= heard is not None and missed > 0
            scenes.append(Scene(step, heard, is_dead=missed > 0))
        return scenes

    @property
    def heard(self) -> list[Heard]:
        """What lies in the stream in the end."""
        by_place = {scene.heard.place: scene.heard for scene in self.scenes if scene.heard is not None}
        return list(by_place.values())

    @property
    def lasts(self) -> timedelta:
        return timedelta(hours=sum(step.hours for step in self.steps if isinstance(step, Pass)))

    def heard_at_once(self, place: int) -> int:
        """Return the last place that a run hears together with this one, for its worker was dead."""
        last, reached = place, False
        for scene in self.scenes:
            reached = reached or (scene.heard is not None and scene.heard.place == place)
            if reached and isinstance(scene.step, Pass):
                break
            if reached and scene.heard is not None:
                last = max(last, scene.heard.place)
            if reached and not scene.is_dead:
                break
        return last

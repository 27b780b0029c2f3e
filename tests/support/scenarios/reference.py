"""How a story ends, found out the slow way: for every decision all that was said before is counted anew."""

from dataclasses import dataclass, field
from datetime import timedelta

from tests.support.scenarios.scenario import ROLES, STANDS_IN, Ask, Heard, Story

Moment = tuple[timedelta, int]
"""A time, and the last place in the stream that was read by then."""


@dataclass
class Fate:
    """What becomes of one request."""

    how: str
    by: list[str] = field(default_factory=list)
    closed: Moment | None = None
    codes: dict[int, str] = field(default_factory=dict)


@dataclass
class Ending:
    """What becomes of a run: the fates of what it asked, the code of each decision by its place, and its result."""

    fates: list[Fate]
    codes: dict[int, str]
    result: list[tuple[str, str]] | None


def ending(story: Story) -> Ending:
    codes: dict[int, str] = {heard.place: heard.say.flaw for heard in story.heard if heard.say.flaw}
    readable = [heard for heard in story.heard if not heard.say.flaw]
    first = {heard.name: heard.place for heard in reversed(readable)}
    originals = [heard for heard in readable if first[heard.name] == heard.place]
    fates, opened = list[Fate](), _moment(story, story.lead)
    for number, ask in enumerate(story.asks, 1):
        if opened is not None:
            fates.append(_fate(story, ask, [it for it in originals if it.say.about == number], opened))
            opened = fates[-1].closed if story.order == "in turn" else opened
    end = _end(story, fates)
    for fate in fates:
        if end is not None and (fate.closed is None or fate.closed > end):
            fate.how, fate.by = "no longer asked", []
        codes |= fate.codes
    for heard in readable:
        if first[heard.name] != heard.place:
            codes[heard.place] = "replayed"
        if end is not None and heard.place > end[1]:
            codes[heard.place] = "unknown_run"
        codes.setdefault(heard.place, "never_asked")
    result = [_outcome(ask, fate) for ask, fate in zip(story.asks, fates, strict=False)]
    return Ending(fates, codes, result if end is not None else None)


def _outcome(ask: Ask, fate: Fate) -> tuple[str, str]:
    if fate.how == "expired":
        return ("approved" if ask.silence == "approve" else "expired"), ""
    return {"approve": "approved", "reject": "rejected"}.get(fate.how, fate.how), ", ".join(fate.by)


def _moment(story: Story, at: timedelta) -> Moment | None:
    return (at, sum(heard.at < at for heard in story.heard)) if at <= story.lasts else None


def _end(story: Story, fates: list[Fate]) -> Moment | None:
    closed = [fate.closed for fate in fates if fate.closed is not None]
    if story.order == "any":
        return min(closed, default=None)
    return max(closed) if len(closed) == len(story.asks) else None


def _fate(story: Story, ask: Ask, said: list[Heard], opened: Moment) -> Fate:
    fate = Fate("no longer asked")
    limit = None if ask.timeout is None else opened[0] + ask.span(ask.timeout)
    accepted: list[Heard] = []
    for heard in said:
        at, early = max(heard.at, opened[0]), heard.place <= opened[1]
        if fate.how != "no longer asked":
            fate.codes[heard.place] = "already_decided"
            continue
        if limit is not None and not early and heard.at >= limit:
            fate.codes[heard.place] = "request_expired"
            continue
        fate.codes[heard.place] = _code(ask, accepted, heard, at=at, since=at - opened[0])
        if fate.codes[heard.place] == "accepted":
            accepted.append(heard)
            fate.how, fate.by = _count(ask, _standing(accepted))
            if fate.how != "no longer asked":
                fate.closed = max((at, story.heard_at_once(heard.place)), opened)
    if fate.closed is None and limit is not None and (closed := _moment(story, limit)):
        fate.how, fate.closed = "expired", max(closed, opened)
    return fate


def _code(ask: Ask, accepted: list[Heard], heard: Heard, *, at: timedelta, since: timedelta) -> str:
    say = heard.say
    mine = [voice for voice in _standing(accepted) if voice.say.who == say.who]
    if not say.saw:
        return "wrong_digest"
    if say.good_for is not None and timedelta(hours=say.good_for, minutes=40) < at:
        return "decision_expired"
    if say.proxy and not ask.proxies:
        return "not_allowed"
    if say.word == "withdraw":
        return "accepted" if mine else "nothing_to_withdraw"
    if not _may(ask, say.who, since):
        return "not_allowed"
    return "duplicate" if mine else "accepted"


def _standing(accepted: list[Heard]) -> list[Heard]:
    """Only somebody's last word stands, and a withdrawal says nothing."""
    last = [it for n, it in enumerate(accepted) if it.say.who not in {later.say.who for later in accepted[n + 1 :]}]
    return [it for it in last if it.say.word != "withdraw"]


def _count(ask: Ask, standing: list[Heard]) -> tuple[str, list[str]]:
    yes = [it.say.who for it in standing if it.say.word == "approve"]
    no = [it.say.who for it in standing if it.say.word == "reject"]
    vetoes = [who for who in no if _roles(who) & set(ask.veto_roles)]
    if len(no) >= ask.rejections or vetoes:
        return "reject", no
    return ("approve", yes) if len(yes) >= ask.quorum else ("no longer asked", [])


def _may(ask: Ask, who: str, since: timedelta) -> bool:
    names = {who, STANDS_IN.get(who, who)}
    if ask.requester in names and not ask.requester_may_answer:
        return False
    asked = [(ask.people, (*ask.roles, *ask.veto_roles), bool(ask.people or ask.roles))]
    for rung in sorted(ask.ladder, key=lambda it: it.after):
        if ask.span(rung.after) <= since:
            asked = [*([] if rung.instead else asked), (rung.people, rung.roles, True)]
    return any(not limited or names & set(people) or _roles(who) & set(roles) for people, roles, limited in asked)


def _roles(who: str) -> set[str]:
    return {role for name in (who, STANDS_IN.get(who, who)) for role in ROLES[name]}

"""The reference model: computes how a scenario ends by counting all earlier decisions anew for each decision."""

from dataclasses import dataclass, field
from datetime import timedelta

from tests.support.scenarios.reference_policy import effective
from tests.support.scenarios.reference_votes import count, is_one_vote, may_vote, votes
from tests.support.scenarios.request import Request
from tests.support.scenarios.scenario import Scenario, StoredDecision

Moment = tuple[timedelta, int]
"""A time, and the last place in the stream that was read by then."""


@dataclass
class ExpectedRequest:
    """How one request ends.

    Attributes:
        outcome: ``approve``, ``reject``, ``expired`` or ``withdrawn``.
        by: The approvers whose votes count.
        closed: When the request closes, or nothing if it stays open.
        codes: The receipt code of each decision, by its place.
    """

    outcome: str
    by: list[str] = field(default_factory=list)
    closed: Moment | None = None
    codes: dict[int, str] = field(default_factory=dict)


@dataclass
class ExpectedRun:
    """How a run ends.

    Attributes:
        requests: The ends of the requests that it opened.
        codes: The receipt code of each decision, by its place.
        result: Outcome and approvers of each request, or nothing if the run does not end by itself.
    """

    requests: list[ExpectedRequest]
    codes: dict[int, str]
    result: list[tuple[str, str]] | None


def expected_run(scenario: Scenario) -> ExpectedRun:
    codes: dict[int, str] = {it.place: it.flaw for it in scenario.stream if it.flaw}
    readable = [it for it in scenario.stream if not it.flaw]
    first = {it.key: it.place for it in reversed(readable)}
    originals = [it for it in readable if first[it.key] == it.place]
    ended, opened = list[ExpectedRequest](), _moment(scenario, scenario.lead)
    requests = [effective(request, scenario.floor) for request in scenario.requests]
    for number, request in enumerate(requests, 1):
        if opened is not None:
            ended.append(_end_request(scenario, request, _of_request(originals, number), opened))
            opened = ended[-1].closed if scenario.order == "in turn" else opened
    end = _end_of_run(scenario, ended)
    for expected in ended:
        if end is not None and (expected.closed is None or expected.closed > end):
            expected.outcome, expected.by = "withdrawn", []
        codes |= expected.codes
    for stored in readable:
        if first[stored.key] != stored.place:
            codes[stored.place] = "replayed"
        if _asked_by_an_earlier_run(scenario, ended, stored):
            codes[stored.place] = "no_longer_asked"
        if end is not None and stored.place > end[1]:
            codes[stored.place] = "unknown_run"
        codes.setdefault(stored.place, "never_asked")
    result = [_result(request, expected) for request, expected in zip(requests, ended, strict=False)]
    return ExpectedRun(ended, codes, result if end is not None else None)


def _asked_by_an_earlier_run(scenario: Scenario, ended: list[ExpectedRequest], stored: StoredDecision) -> bool:
    """Return whether a decision arrives after the run that opened its request has continued as new."""
    number = stored.decision.number
    if not (scenario.renews and scenario.order == "in turn") or number >= len(scenario.requests) or number > len(ended):
        return False
    closed = ended[number - 1].closed
    return closed is not None and stored.place > closed[1]


def _of_request(decisions: list[StoredDecision], number: int) -> list[StoredDecision]:
    return [it for it in decisions if it.decision.number == number]


def _result(request: Request, expected: ExpectedRequest) -> tuple[str, str]:
    if expected.outcome == "expired":
        return ("approved" if request.silence == "approve" else "expired"), ""
    outcome = {"approve": "approved", "reject": "rejected"}.get(expected.outcome, expected.outcome)
    return outcome, ", ".join(expected.by)


def _moment(scenario: Scenario, at: timedelta) -> Moment | None:
    return (at, sum(stored.at < at for stored in scenario.stream)) if at <= scenario.duration else None


def _end_of_run(scenario: Scenario, ended: list[ExpectedRequest]) -> Moment | None:
    closed = [expected.closed for expected in ended if expected.closed is not None]
    if scenario.order == "any":
        return min(closed, default=None)
    return max(closed) if len(closed) == len(scenario.requests) else None


def _end_request(
    scenario: Scenario, request: Request, decisions: list[StoredDecision], opened: Moment
) -> ExpectedRequest:
    expected = ExpectedRequest("withdrawn")
    limit = None if request.timeout is None else opened[0] + request.span(request.timeout)
    accepted: list[StoredDecision] = []
    for stored in decisions:
        at, early = max(stored.at, opened[0]), stored.place <= opened[1]
        if expected.outcome != "withdrawn":
            expected.codes[stored.place] = "already_decided"
            continue
        if limit is not None and not early and stored.at >= limit:
            expected.codes[stored.place] = "request_expired"
            continue
        expected.codes[stored.place] = (
            "wrong_digest" if early else _code(request, accepted, stored, at=at, since=at - opened[0])
        )
        if expected.codes[stored.place] == "accepted":
            accepted.append(stored)
            expected.outcome, expected.by = count(request, votes(accepted))
            if expected.outcome != "withdrawn":
                expected.closed = max((at, scenario.last_place_received_with(stored.place)), opened)
    if expected.closed is None and limit is not None and (closed := _moment(scenario, limit)):
        expected.outcome, expected.closed = "expired", max(closed, opened)
    return expected


def _code(
    request: Request, accepted: list[StoredDecision], stored: StoredDecision, *, at: timedelta, since: timedelta
) -> str:
    decision = stored.decision
    own = [vote for vote in votes(accepted) if vote.decision.who == decision.who]
    if not decision.right_digest:
        return "wrong_digest"
    if decision.valid_hours is not None and timedelta(hours=decision.valid_hours, minutes=40) < at:
        return "decision_expired"
    if decision.proxy and not request.proxies:
        return "not_allowed"
    if decision.choice == "withdraw":
        return "accepted" if own else "nothing_to_withdraw"
    if not may_vote(request, stored, since):
        return "not_allowed"
    return "duplicate" if own or is_one_vote(request, votes(accepted), stored, since) else "accepted"

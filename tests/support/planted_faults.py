"""Faults to plant in what makes a decision count, each found by a story."""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from typing import Any, Final, NoReturn

from pydantic import JsonValue
from temporalio.worker import WorkflowOutboundInterceptor

from perdure.approvers import ApproversVersion, Directory
from perdure.approvers.directory import Identity
from perdure.approvers.entries import Away
from perdure.approvers.policy_condition import PolicyCondition
from perdure.approvers.policy_floor import with_proxies_decided
from perdure.bus.views.recorded_approvers import RecordedApprovers
from perdure.contracts import Policy
from perdure.flow.approvals_host import ApprovalsHost
from perdure.flow.unverified_decisions import UnverifiedDecisions
from perdure.voting import ballot, vote_conflicts
from perdure_orchestrator.activities import resolve_policy, verify_decisions
from perdure_orchestrator.interceptors.workflow_outbound import StepScheduler
from tests.support.scenarios.fixed import FORGED, OVERTAKEN, RENEWED, REVOKED
from tests.support.scenarios.fixed_policies import (
    AWAY,
    AWAY_FOR_A_WHILE,
    BY_ROLE,
    DEAR_AND_CHEAP,
    EDITED_BEFORE_IT_IS_VERIFIED,
    TWO_DELEGATES,
    UNDER_A_FLOOR,
    WITHOUT_AN_AMOUNT,
)
from tests.support.scenarios.floor import DEAR
from tests.support.scenarios.scenario import Scenario

__all__ = ["FAULTS"]

_IDENTIFY: Final = Directory.identify
_VERSION: Final = RecordedApprovers.version
_SAME_PERSON: Final = vote_conflicts.same_person


def believe_everybody(_: Directory, __: Mapping[str, JsonValue], ___: datetime) -> Identity:
    return Identity(roles=(), stands_in_for=(), proxy=None, proxy_severities=(), key_id="0" * 16, own_roles=())


def know_no_revocation(directory: Directory, body: Mapping[str, JsonValue], _: datetime) -> Identity:
    return _IDENTIFY(directory, body, datetime(2026, 1, 2, tzinfo=UTC))


def read_the_file_once() -> Any:
    first: list[ApproversVersion] = []

    async def version(approvers: RecordedApprovers) -> ApproversVersion:
        first.append(await _VERSION(approvers))
        return first[0]

    return version


def ignore_the_operator(_: Policy | None, asked: Policy, __: Any) -> Policy:
    return with_proxies_decided(asked)


def ignore_the_author(floor: Policy | None, asked: Policy, _: Any) -> Policy:
    return with_proxies_decided(asked if floor is None else floor)


def count_roles_one_by_one(quorums: Mapping[str, int], votes: Iterable[AbstractSet[str]]) -> dict[str, int]:
    counted = list(votes)
    missing = {role: count - sum(role in roles for roles in counted) for role, count in quorums.items()}
    return {role: count for role, count in missing.items() if count > 0}


def see_delegates_with_their_people_only(vote: Any, later: Any, _: Any) -> str | None:
    return _SAME_PERSON(vote, later, lambda _: True)


def hold_only_of_amounts(_: PolicyCondition, request: Mapping[str, Any]) -> bool:
    return request["action"] is not None and request["action"]["amount"] > DEAR


def continue_with_nothing(scheduler: StepScheduler) -> NoReturn:
    WorkflowOutboundInterceptor.continue_as_new(scheduler, scheduler._continuation)  # noqa: SLF001
    raise AssertionError


FAULTS: Final[dict[str, tuple[Any, str, Any, Scenario]]] = {
    "signals are believed": (UnverifiedDecisions, "takes_next", lambda _: False, FORGED),
    "signatures are not checked": (Directory, "identify", believe_everybody, FORGED),
    "revocations are not seen": (Directory, "identify", know_no_revocation, REVOKED),
    "decisions are judged as they arrive": (verify_decisions, "sorted", list, OVERTAKEN),
    "a continuation carries nothing": (StepScheduler, "continue_with_state", continue_with_nothing, RENEWED),
    "requests of earlier runs are forgotten": (ApprovalsHost, "_was_requested_before", lambda *_: False, RENEWED),
    "what earlier runs have judged is judged again": (UnverifiedDecisions, "skip", lambda *_: None, RENEWED),
    "the operator's policy is no floor": (resolve_policy, "tightened", ignore_the_operator, UNDER_A_FLOOR),
    "the author's policy tightens nothing": (resolve_policy, "tightened", ignore_the_author, UNDER_A_FLOOR),
    "conditions never hold": (PolicyCondition, "holds", lambda *_: False, DEAR_AND_CHEAP),
    "conditions always hold": (PolicyCondition, "holds", lambda *_: True, DEAR_AND_CHEAP),
    "a condition that fails does not hold": (PolicyCondition, "holds", hold_only_of_amounts, WITHOUT_AN_AMOUNT),
    "quorums of roles are not counted": (ballot, "missing_votes", lambda *_: {}, BY_ROLE),
    "one vote fills the places of two roles": (ballot, "missing_votes", count_roles_one_by_one, BY_ROLE),
    "a delegate and who is away are two": (ballot, "same_person", lambda *_: None, AWAY),
    "two delegates are two": (ballot, "same_person", see_delegates_with_their_people_only, TWO_DELEGATES),
    "absences have no beginning and no end": (Away, "lasts_at", lambda *_: True, AWAY_FOR_A_WHILE),
    "absences are not seen": (Away, "lasts_at", lambda *_: False, AWAY),
    "the approvers file is read once": (
        RecordedApprovers,
        "version",
        read_the_file_once(),
        EDITED_BEFORE_IT_IS_VERIFIED,
    ),
}
"""What is planted, where, under which name, and the story that finds it."""

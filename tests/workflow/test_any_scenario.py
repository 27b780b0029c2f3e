"""In any order of events, and with any process killed, approvals end as the reference model computes."""

import pytest
from hypothesis import example, given, settings
from temporalio.testing import WorkflowEnvironment

from perdure.contracts import ApprovalDecided, ApprovalExpired, ApprovalRequested
from tests.support.scenario_player import ScenarioPlayer
from tests.support.scenarios.approvers import ScriptedApprovers
from tests.support.scenarios.fixed import BOTH_AT_ONCE, ESCALATED, NO_TIME_LEFT, VETOED, WITHDRAWN
from tests.support.scenarios.receipts import expected_receipts, with_claims
from tests.support.scenarios.reference import expected_run
from tests.support.scenarios.scenario import Scenario
from tests.support.scenarios.strategies import scenarios

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(900)]  # to shrink a failure takes long


@pytest.fixture(scope="session")
def approvers(tmp_path_factory: pytest.TempPathFactory) -> ScriptedApprovers:
    return ScriptedApprovers(tmp_path_factory.mktemp("approvers") / "approvers.yaml")


@settings(max_examples=40, deadline=None, derandomize=True)
@given(scenario=scenarios(flawed=True, longest=20))
@example(scenario=ESCALATED)
@example(scenario=WITHDRAWN)
@example(scenario=VETOED)
@example(scenario=NO_TIME_LEFT)
@example(scenario=BOTH_AT_ONCE)
async def test_any_scenario_ends_as_the_reference_model_computes(
    environment: WorkflowEnvironment, approvers: ScriptedApprovers, scenario: Scenario
) -> None:
    player, expected = ScenarioPlayer(environment, approvers, scenario), expected_run(scenario)

    result = await player.play()

    assert outcomes(player) == [_comparable(scenario, it.outcome, it.by) for it in expected.requests]
    codes = with_claims(scenario, expected.codes)
    assert player.bus.receipts == set(expected_receipts(scenario, player.run.id, codes).items())
    assert scenario.order == "any" or result == expected.result


def outcomes(player: ScenarioPlayer) -> list[tuple[str, list[str]]]:
    """Return the end of each published request; each has exactly one."""
    published = player.bus.published
    requested = [it.request_id for it in published if isinstance(it, ApprovalRequested)]
    ends = {it.request_id: it for it in published if isinstance(it, ApprovalDecided | ApprovalExpired)}
    assert len(player.bus.ends) == len(ends), "a request ended twice"
    assert sorted(requested) == sorted(ends)
    return [_outcome(player.scenario, end) for _, end in sorted(ends.items())]


def _outcome(scenario: Scenario, end: ApprovalDecided | ApprovalExpired) -> tuple[str, list[str]]:
    if isinstance(end, ApprovalDecided):
        return end.decision, [vote.approver for vote in end.votes]
    return _comparable(scenario, "expired" if end.reason == "nobody answered in time" else "withdrawn", [])


def _comparable(scenario: Scenario, outcome: str, by: list[str]) -> tuple[str, list[str]]:
    """Treat the two ends without a decision alike where any request will do: two may end in the same instant."""
    return "expired" if scenario.order == "any" and outcome == "withdrawn" else outcome, by

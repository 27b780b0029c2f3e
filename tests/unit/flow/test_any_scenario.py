"""In any order of events, open requests judge as the reference model does, also after they were rebuilt."""

from hypothesis import given, settings

from tests.support.open_requests_player import OpenRequestsPlayer
from tests.support.scenarios.receipts import expected_receipts
from tests.support.scenarios.reference import expected_run
from tests.support.scenarios.scenario import Scenario
from tests.support.scenarios.strategies import scenarios


@settings(max_examples=400, deadline=None, derandomize=True)
@given(scenario=scenarios(flawed=False, longest=20))
async def test_any_scenario_ends_as_the_reference_model_computes(scenario: Scenario) -> None:
    player, expected = OpenRequestsPlayer(scenario), expected_run(scenario)

    player.play()

    receipts = {(receipt.message_id, receipt.code) for receipt in player.receipts}
    codes = {place: code for place, code in expected.codes.items() if code != "unknown_run"}
    assert player.outcomes == [(request.outcome, request.by) for request in expected.requests]
    assert receipts == set(expected_receipts(scenario, "w", codes).items())

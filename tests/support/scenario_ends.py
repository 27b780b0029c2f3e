"""Compares how a played scenario ended with what the reference model computes."""

from perdure.contracts import ApprovalDecided, ApprovalExpired, ApprovalRequested
from tests.support.scenario_player import ScenarioPlayer
from tests.support.scenarios.receipts import expected_receipts, with_claims
from tests.support.scenarios.reference import expected_run
from tests.support.scenarios.scenario import Scenario


async def play_as_expected(player: ScenarioPlayer) -> None:
    """Play a scenario; raises ``AssertionError`` where it ends in another way."""
    scenario, expected = player.scenario, expected_run(player.scenario)

    result = await player.play()

    assert outcomes(player) == [_comparable(scenario, it.outcome, it.by) for it in expected.requests]
    codes = with_claims(scenario, expected.codes)
    assert player.bus.receipts == set(expected_receipts(scenario, player.run.id, codes).items())
    assert player.bus.forged <= {"not_kept"}
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

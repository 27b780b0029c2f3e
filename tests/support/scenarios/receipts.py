"""The receipts that a scenario must leave on the bus, by their ids."""

from typing import Final

from tests.support.scenarios.actions import Decide
from tests.support.scenarios.scenario import Scenario

_BY_PLACE: Final = {"replayed", "unsigned", "forged", "unknown_key", "revoked_key", "unknown_run", "no_longer_asked"}


def expected_receipts(scenario: Scenario, run_id: str, codes: dict[int, str]) -> dict[str, str]:
    """Return the code of each receipt: one a decision, and one a place for a replay or a forgery.

    Args:
        scenario: The scenario that was played.
        run_id: The id of the workflow.
        codes: The codes of the reference model, by place.
    """
    receipts: dict[str, str] = {}
    for stored in scenario.stream:
        if code := codes.get(stored.place):
            number, who, nonce = stored.key
            place = f".DECISIONS.{stored.place}" if code in _BY_PLACE else ""
            receipts[f"receipt.{run_id}.{number}.{who}.{nonce}{place}"] = code
    return receipts


def with_claims(scenario: Scenario, codes: dict[int, str]) -> dict[int, str]:
    """Return the codes of a run behind a bridge: a repetition of what reached it is a replay, also after its end."""
    first: dict[Decide, int] = {}
    for stored in scenario.stream:
        first.setdefault(stored.decision, stored.place)
    repeated = {
        it.place
        for it in scenario.stream
        if it.place != first[it.decision] and codes.get(first[it.decision]) != "unknown_run"
    }
    lost = {"unknown_run", "no_longer_asked"}
    return {place: "replayed" if code in lost and place in repeated else code for place, code in codes.items()}

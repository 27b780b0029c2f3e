"""What the receipts of a story must be on the bus, by their ids."""

from typing import Final

from tests.support.scenarios.scenario import Story

_BY_PLACE: Final = {"replayed", "unsigned", "forged", "unknown_key", "revoked_key", "unknown_run"}


def expected_receipts(story: Story, run_id: str, codes: dict[int, str]) -> dict[str, str]:
    """Return the code of each receipt: one a decision, and one a place for what is a replay or a forgery.

    Args:
        story: What was said.
        run_id: The id of the workflow.
        codes: By place, as the model has it.
    """
    receipts: dict[str, str] = {}
    for heard in story.heard:
        if code := codes.get(heard.place):
            about, who, nonce = heard.name
            place = f".DECISIONS.{heard.place}" if code in _BY_PLACE else ""
            receipts[f"receipt.{run_id}.{about}.{who}.{nonce}{place}"] = code
    return receipts

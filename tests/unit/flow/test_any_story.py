"""Whatever happens in whatever order, the inbox judges as the reference model does, also after it was rebuilt."""

from hypothesis import given, settings

from tests.support.desk import Desk
from tests.support.scenarios.receipts import expected_receipts
from tests.support.scenarios.reference import ending
from tests.support.scenarios.scenario import Story
from tests.support.scenarios.strategies import stories


@settings(max_examples=400, deadline=None, derandomize=True)
@given(story=stories(flawed=False, longest=20))
async def test_any_story_ends_as_counting_it_by_hand_does(story: Story) -> None:
    desk, model = Desk(story), ending(story)

    desk.live()

    told = {(receipt.message_id, receipt.code) for receipt in desk.receipts}
    codes = {place: code for place, code in model.codes.items() if code != "unknown_run"}
    assert desk.fates == [(fate.how, fate.by) for fate in model.fates]
    assert told == set(expected_receipts(story, "w", codes).items())

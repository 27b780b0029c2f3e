"""Whatever happens in whatever order, and whoever dies, approvals end as the reference model says."""

import pytest
from hypothesis import example, given, settings
from temporalio.testing import WorkflowEnvironment

from perdure.contracts import ApprovalDecided, ApprovalExpired, ApprovalRequested
from tests.support.scenario_player import Theatre
from tests.support.scenarios.approvers import Cast
from tests.support.scenarios.fixed import BOTH_AT_ONCE, ESCALATED, NO_TIME_LEFT, VETOED, WITHDRAWN
from tests.support.scenarios.receipts import expected_receipts
from tests.support.scenarios.reference import ending
from tests.support.scenarios.scenario import Story
from tests.support.scenarios.strategies import stories

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(900)]  # a failure is first made short


@pytest.fixture(scope="session")
def cast(tmp_path_factory: pytest.TempPathFactory) -> Cast:
    return Cast(tmp_path_factory.mktemp("cast") / "approvers.yaml")


@settings(max_examples=40, deadline=None, derandomize=True)
@given(story=stories(flawed=True, longest=20))
@example(story=ESCALATED)
@example(story=WITHDRAWN)
@example(story=VETOED)
@example(story=NO_TIME_LEFT)
@example(story=BOTH_AT_ONCE)
async def test_any_story_ends_as_counting_it_by_hand_does(
    environment: WorkflowEnvironment, cast: Cast, story: Story
) -> None:
    theatre, model = Theatre(environment, cast, story), ending(story)

    result = await theatre.play()

    assert fates(theatre) == [_said(story, fate.how, fate.by) for fate in model.fates]
    assert theatre.bus.receipts == set(expected_receipts(story, theatre.run.id, model.codes).items())
    assert story.order == "any" or result == model.result


def fates(theatre: Theatre) -> list[tuple[str, list[str]]]:
    """Name the end of each request that was said; each has one."""
    said = theatre.bus.published
    asked = [it.request_id for it in said if isinstance(it, ApprovalRequested)]
    ends = {it.request_id: it for it in said if isinstance(it, ApprovalDecided | ApprovalExpired)}
    assert len(theatre.bus.ends) == len(ends), "none ends twice"
    assert sorted(asked) == sorted(ends)
    return [_fate(theatre.story, end) for _, end in sorted(ends.items())]


def _fate(story: Story, end: ApprovalDecided | ApprovalExpired) -> tuple[str, list[str]]:
    if isinstance(end, ApprovalDecided):
        return end.decision, [voice.approver for voice in end.votes]
    return _said(story, "expired" if end.reason == "nobody answered in time" else "no longer asked", [])


def _said(story: Story, how: str, by: list[str]) -> tuple[str, list[str]]:
    """Forget how a request ended without a decision where any will do: two may end in the same instant."""
    return "expired" if story.order == "any" and how == "no longer asked" else how, by

"""In any order of events, and with any process killed, approvals end as the reference model computes."""

from collections.abc import Callable, Coroutine, Iterable
from functools import reduce
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from temporalio.testing import WorkflowEnvironment

from tests.support.scenario_ends import play_as_expected
from tests.support.scenario_player import ScenarioPlayer
from tests.support.scenarios.approvers import ScriptedApprovers
from tests.support.scenarios.fixed import (
    BOTH_AT_ONCE,
    ESCALATED,
    FORGED,
    NO_TIME_LEFT,
    OVERTAKEN,
    RENEWED,
    REVOKED,
    VETOED,
    WITHDRAWN,
)
from tests.support.scenarios.fixed_policies import POLICY_STORIES
from tests.support.scenarios.scenario import Scenario
from tests.support.scenarios.strategies import scenarios

Test = Callable[..., Coroutine[Any, Any, None]]

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(900)]  # to shrink a failure takes long


@pytest.fixture(scope="session")
def approvers(tmp_path_factory: pytest.TempPathFactory) -> ScriptedApprovers:
    return ScriptedApprovers(tmp_path_factory.mktemp("approvers") / "approvers.yaml")


def with_examples(stories: Iterable[Scenario]) -> Callable[[Test], Test]:
    """Return a decorator that adds each story as an example."""
    return lambda test: reduce(lambda decorated, story: example(scenario=story)(decorated), stories, test)


@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # all scenarios share one server
)
@given(scenario=scenarios(flawed=True, longest=20))
@example(scenario=ESCALATED)
@example(scenario=WITHDRAWN)
@example(scenario=VETOED)
@example(scenario=NO_TIME_LEFT)
@example(scenario=BOTH_AT_ONCE)
@example(scenario=OVERTAKEN)
@example(scenario=FORGED)
@example(scenario=REVOKED)
@example(scenario=RENEWED)
@with_examples(POLICY_STORIES)
async def test_any_scenario_ends_as_the_reference_model_computes(
    environment: WorkflowEnvironment, approvers: ScriptedApprovers, scenario: Scenario
) -> None:
    await play_as_expected(ScenarioPlayer(environment, approvers, scenario))

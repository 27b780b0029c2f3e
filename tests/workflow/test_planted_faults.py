"""The stories find a fault in each part that makes a decision count: each is planted here, one at a time."""

from pathlib import Path

import pytest
from temporalio.testing import WorkflowEnvironment

from tests.support.planted_faults import FAULTS
from tests.support.scenario_ends import play_as_expected
from tests.support.scenario_player import ScenarioPlayer
from tests.support.scenarios.approvers import ScriptedApprovers

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_story_finds_it(
    environment: WorkflowEnvironment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    owner, name, planted, story = FAULTS[fault]
    monkeypatch.setattr(owner, name, planted, raising=False)

    with pytest.raises((AssertionError, TimeoutError)):
        await play_as_expected(ScenarioPlayer(environment, ScriptedApprovers(tmp_path / "approvers.yaml"), story))

"""Scenes that once did not end any more still come to their end under today's code, on a server that skips no time."""

import pytest
from temporalio.testing import WorkflowEnvironment

from tests.replay.corpus import registry
from tests.replay.recording import Recording
from tests.replay.scenes import SCENES
from tests.support.binaries import binary

ONCE_ENDLESS = (
    "approval-of-a-quorum-on-a-real-server",
    "approvals-answered-early-on-a-real-server",
    "decisions-verified-on-a-real-server",
    "decisions-across-renewals",
    "renewed-twice-on-a-real-server",
    "failed-by-a-bug-on-a-real-server",
)


@pytest.mark.parametrize("name", ONCE_ENDLESS)
async def test_a_scene_ends_under_todays_code(name: str) -> None:
    scene = SCENES[name]
    async with await WorkflowEnvironment.start_local(dev_server_existing_path=binary("temporal")) as environment:
        recording = Recording(environment, registry(), name, scene.script, scene.settings)
        await scene.play(recording)

    *_, last = recording.kept.values()
    assert "EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED" in last or "EVENT_TYPE_WORKFLOW_EXECUTION_FAILED" in last

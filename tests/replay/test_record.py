"""The scenes in which people decide still come to their end under today's code, on a server that skips no time."""

import pytest
from temporalio.testing import WorkflowEnvironment

from tests.replay.corpus import registry
from tests.replay.recording import Recording
from tests.replay.scenes import SCENES
from tests.support.binaries import binary

DECIDED = (
    "approval-of-a-quorum-on-a-real-server",
    "approvals-answered-early-on-a-real-server",
    "decisions-verified-on-a-real-server",
    "decisions-across-renewals",
)


@pytest.mark.parametrize("name", DECIDED)
async def test_what_people_decide_ends_the_run(name: str) -> None:
    scene = SCENES[name]
    async with await WorkflowEnvironment.start_local(dev_server_existing_path=binary("temporal")) as environment:
        recording = Recording(environment, registry(), name, scene.script, scene.settings)
        await scene.play(recording)

    ended = [history for which, history in recording.kept.items() if not which.endswith("~open")]
    assert all("WORKFLOW_EXECUTION_COMPLETED" in it or "CONTINUED_AS_NEW" in it for it in ended)

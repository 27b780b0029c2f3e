from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer

from perdure.bus import MemoryBus
from perdure_orchestrator.interceptors import FAILURE_TYPES, ProgressInterceptor
from perdure_orchestrator.publish_log import PublishLog
from perdure_orchestrator.sandbox import workflow_runner
from perdure_orchestrator.workflows import DocumentAnalysis
from tests.replay.record import HISTORIES


@pytest.mark.timeout(20)  # a replay that differs hangs in temporalio 1.35 instead of failing
@pytest.mark.parametrize("sandboxed", [True, False])
@pytest.mark.parametrize("file", sorted(HISTORIES.glob("*.json")), ids=lambda file: file.stem)
async def test_runs_that_began_under_older_code_go_on_under_this_one(file: Path, *, sandboxed: bool) -> None:
    replayer = Replayer(
        workflows=[DocumentAnalysis],
        data_converter=pydantic_data_converter,
        interceptors=[ProgressInterceptor(MemoryBus(), PublishLog())],
        workflow_runner=workflow_runner(sandboxed=sandboxed),
        workflow_failure_exception_types=FAILURE_TYPES,
    )

    history = WorkflowHistory.from_json(file.stem, file.read_text())

    await replayer.replay_workflow(history)


def test_there_are_histories_to_replay() -> None:
    assert len(list(HISTORIES.glob("*.json"))) >= 3

"""A patch that is removed while a run is open which has passed it."""

import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest
from temporalio.client import WorkflowHistory
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from perdure.config.settings import Settings
from perdure_orchestrator.registry import registry_of
from perdure_orchestrator.replay.run_replayer import RunReplayer
from tests.replay.changes import GREET
from tests.support.binaries import binary
from tests.support.plugged import client, plugin

PLAIN = (Path(__file__).with_name("workflows") / "plain.py").read_text()


async def test_a_patch_that_is_removed_too_early_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    patched = load(tmp_path, "patched_code", PLAIN.replace(GREET, f'        workflow.patched("politely")\n{GREET}'))
    history = await recorded(patched)
    plain = load(tmp_path, "plain_code", PLAIN)

    async with RunReplayer(registry_of([plain]), Settings()) as replayer:
        found = (await replayer.replay("Greeting", history)).finding

    assert found is not None
    assert found.event == 5
    assert "the patch politely (event 5)" in found.sentence
    assert str(found.line).startswith("plain_code.py:")


def load(folder: Path, name: str, text: str) -> ModuleType:
    (folder / f"{name}.py").write_text(text)
    module = import_module(name)
    del sys.modules[name]
    return module


async def recorded(module: ModuleType) -> WorkflowHistory:
    """Run the workflow on the time-skipping server."""
    server = binary("temporal-test-server")
    async with await WorkflowEnvironment.start_time_skipping(test_server_existing_path=server) as environment:
        connected = client(environment, plugins=[plugin(sandbox=False)])
        known = registry_of([module])
        async with Worker(
            connected, task_queue="q", workflows=list(known.workflows.values()), activities=list(known.activities)
        ):
            run = await connected.start_workflow("Greeting", "Ada", id="Greeting~1", task_queue="q")
            await run.result()
            return await run.fetch_history()

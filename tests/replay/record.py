"""Records the histories that must replay for ever: ``python -m tests.replay.record`` adds those that are missing.

A history is never recorded anew because a change broke its replay: such a change needs ``workflow.patched``.
"""

import asyncio
from pathlib import Path
from typing import Final

from temporalio.client import WorkflowHandle
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

from perdure.runtime.exit import exit_process
from perdure_orchestrator.workflows import DocumentAnalysis
from tests.support.binaries import binary
from tests.support.scripted_worker import ScriptedWorker, open_scripted_worker

HISTORIES: Final = Path(__file__).with_name("histories")


async def approved(stage: ScriptedWorker, run_id: str) -> WorkflowHandle[None, None]:
    run = await stage.start("DocumentAnalysis", {"path": "contract.md"}, run_id=run_id)
    await stage.decide(run, digest=(await stage.asked()).digest, comment="fine")
    return run


async def rejected(stage: ScriptedWorker, run_id: str) -> WorkflowHandle[None, None]:
    run = await stage.start("DocumentAnalysis", {"path": "contract.md"}, run_id=run_id)
    await stage.decide(run, nonce="wrong", digest="0" * 64)
    await stage.decide(run, decision="reject", digest=(await stage.asked()).digest)
    return run


async def expired(stage: ScriptedWorker, run_id: str) -> WorkflowHandle[None, None]:
    return await stage.start("DocumentAnalysis", {"path": "contract.md"}, run_id=run_id)


async def main() -> None:
    async with await WorkflowEnvironment.start_time_skipping(
        test_server_existing_path=binary("temporal-test-server"), data_converter=pydantic_data_converter
    ) as environment:
        for play in (approved, rejected, expired):
            file = HISTORIES / f"document_analysis_{play.__name__}.json"
            if file.exists():
                continue
            async with open_scripted_worker(environment, DocumentAnalysis) as stage:
                run = await play(stage, file.stem)  # the id is part of what replays: requests are named by it
                await run.result()
                file.write_text((await run.fetch_history()).to_json())


if __name__ == "__main__":
    asyncio.run(main())
    exit_process(0)

"""An input that does not fit waits while other code polls the own task queue; otherwise it is refused at once."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from perdure.bus import MemoryKeyValue
from perdure.errors import InvalidMessage, Unavailable
from perdure_orchestrator.deploys import Deploys
from tests.support.binaries import binary
from tests.support.bridges import Echo, new_bridge, start_command
from tests.support.scripted_worker import open_scripted_worker

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(loop_scope="session")
async def real_server() -> AsyncIterator[WorkflowEnvironment]:
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=binary("temporal"), data_converter=pydantic_data_converter
    ) as environment:
        yield environment


def worker_with(client: Client, queue: str, code: str) -> Worker:
    return Worker(
        client, task_queue=queue, workflows=[Echo], workflow_runner=UnsandboxedWorkflowRunner(), build_id=code
    )


async def test_an_input_that_does_not_fit_waits_only_while_other_code_may_take_it(
    real_server: WorkflowEnvironment,
) -> None:
    async with open_scripted_worker(real_server, Echo) as worker:
        bridge = new_bridge(worker, real_server.client, MemoryKeyValue())
        deploys = Deploys(real_server.client, worker.queue)
        async with asyncio.timeout(30):
            while await deploys.may_be_under_way():  # Temporal does not know the own worker yet
                await asyncio.sleep(0.05)
        unfit = start_command("unfit", input=["hello"])
        with pytest.raises(InvalidMessage, match="cannot take this input"):
            await bridge.command(unfit)

        target = real_server.client.service_client.config.target_host
        newer = await Client.connect(target, identity="newer")
        async with worker_with(newer, worker.queue, "newer"), asyncio.timeout(30):
            while not await deploys.may_be_under_way():
                await asyncio.sleep(0.05)
            with pytest.raises(Unavailable, match="cannot take this input"):
                await bridge.command(unfit)
            with pytest.raises(InvalidMessage, match="cannot take this input"):
                await bridge.command(replace(unfit, stored_at=datetime.now(UTC) - timedelta(minutes=1)))


async def test_a_bridge_without_a_worker_cannot_know_whether_new_code_takes_over(
    real_server: WorkflowEnvironment,
) -> None:
    assert await Deploys(real_server.client, "nobody").may_be_under_way()

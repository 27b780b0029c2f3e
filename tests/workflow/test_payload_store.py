"""While the object store is unavailable, Temporal retries and the run does not fail."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal
from uuid import uuid4

import pytest
from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.converter import ExternalStorage
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from perdure.bus import MemoryObjects
from perdure.connections.temporal import converter
from perdure.errors import Unavailable
from perdure.flow.payload_store import PayloadStore
from perdure_orchestrator.interceptors import FAILURE_TYPES

pytestmark = pytest.mark.asyncio(loop_scope="session")

SOON = timedelta(seconds=5)
LARGE = "x" * 4096


@activity.defn
async def make(size: int) -> str:
    return "y" * size


@activity.defn
async def measure(text: str) -> int:
    return len(text)


@workflow.defn
class Passing:
    @workflow.run
    async def run(self, text: str) -> str:
        made = await workflow.execute_activity(make, 4096, start_to_close_timeout=SOON)
        measured = await workflow.execute_local_activity(measure, made, start_to_close_timeout=SOON)
        return text + made[:measured]


@dataclass
class Failing:
    """An object store whose nth put or get fails twice."""

    what: Literal["put", "get"]
    nth: int
    objects: MemoryObjects = field(default_factory=MemoryObjects)
    failed: int = 0

    async def put(self, name: str, data: bytes) -> None:
        self._fail("put")
        await self.objects.put(name, data)

    async def get(self, name: str) -> bytes:
        self._fail("get")
        return await self.objects.get(name)

    def _fail(self, what: str) -> None:
        if what == self.what:
            self.nth -= 1
            if self.nth in {0, -1}:
                self.failed += 1
                raise Unavailable("away")


@asynccontextmanager
async def working(environment: WorkflowEnvironment, objects: Failing) -> AsyncIterator[tuple[Client, str]]:
    storage = ExternalStorage(drivers=[PayloadStore(objects, retry_for=0)], payload_size_threshold=1024)
    config: Any = {**environment.client.config(), "data_converter": converter(storage)}
    client, queue = Client(**config), uuid4().hex
    async with Worker(
        client,
        task_queue=queue,
        workflows=[Passing],
        activities=[make, measure],
        workflow_runner=UnsandboxedWorkflowRunner(),
        workflow_failure_exception_types=FAILURE_TYPES,
        max_cached_workflows=0,
    ):
        yield client, queue


@pytest.mark.parametrize(
    "objects",
    [
        Failing("put", 2),  # of the step's result; the first was the run's input, by its client
        Failing("put", 3),  # of the local step's input, by the run
        Failing("put", 4),  # of the run's result
        Failing("get", 1),  # of the run's input, by the run
        Failing("get", 3),  # of the step's result, by the run
        Failing("get", 4),  # of the local step's input
    ],
    ids=lambda objects: f"{objects.what}-{objects.nth}",
)
async def test_a_run_continues_once_the_store_is_back(environment: WorkflowEnvironment, objects: Failing) -> None:
    async with working(environment, objects) as (client, queue):
        result = await client.execute_workflow(
            "Passing", LARGE, id=uuid4().hex, task_queue=queue, task_timeout=timedelta(seconds=1)
        )

    assert result == LARGE + "y" * 4096
    assert objects.failed == 2

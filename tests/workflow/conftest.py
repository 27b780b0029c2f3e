from collections.abc import AsyncIterator

import pytest_asyncio
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

from perdure.testing import WorkflowRunner, open_runner
from tests.support.binaries import binary


@pytest_asyncio.fixture(loop_scope="session")
async def environment() -> AsyncIterator[WorkflowEnvironment]:
    """Temporal's time-skipping test server, one a test: on it a step that nobody ends stops time for everybody."""
    async with await WorkflowEnvironment.start_time_skipping(
        test_server_existing_path=binary("temporal-test-server"), data_converter=pydantic_data_converter
    ) as environment:
        yield environment


@pytest_asyncio.fixture
async def run_workflow() -> AsyncIterator[WorkflowRunner]:
    """Runs workflows without the sandbox, which would import the test modules anew for each task."""
    async with open_runner({"temporal": {"sandbox": False}}) as runner:
        yield runner


@pytest_asyncio.fixture(loop_scope="session")
async def real_server() -> AsyncIterator[WorkflowEnvironment]:
    """A Temporal server that keeps the request ids of signals; the test server does not."""
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=binary("temporal"), data_converter=pydantic_data_converter
    ) as environment:
        yield environment

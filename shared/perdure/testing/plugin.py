"""The pytest plugin: ``pytest_plugins = ["perdure.testing.plugin"]`` in a ``conftest.py`` gives ``run_workflow``."""

from collections.abc import AsyncIterator

import pytest_asyncio

from perdure.testing.runner import WorkflowRunner, open_runner

__all__ = ["run_workflow"]


@pytest_asyncio.fixture
async def run_workflow() -> AsyncIterator[WorkflowRunner]:
    """Give a test what runs workflows."""
    async with open_runner() as runner:
        yield runner

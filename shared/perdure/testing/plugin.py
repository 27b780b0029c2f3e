"""A pytest plugin with the fixture ``run_workflow``.

Activate it in ``conftest.py``: ``pytest_plugins = ["perdure.testing.plugin"]``.
"""

from collections.abc import AsyncIterator

import pytest_asyncio

from perdure.testing.runner import WorkflowRunner, open_runner

__all__ = ["run_workflow"]


@pytest_asyncio.fixture
async def run_workflow() -> AsyncIterator[WorkflowRunner]:
    """Provide a runner of workflows."""
    async with open_runner() as runner:
        yield runner

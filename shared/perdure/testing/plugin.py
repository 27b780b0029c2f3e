"""A pytest plugin with the fixture ``run_workflow``.

Activate it in ``conftest.py``: ``pytest_plugins = ["perdure.testing.plugin"]``. Coroutine tests that use the fixture
need no mark and no ``asyncio_mode``. The option ``perdure_stalled_after`` of pytest's configuration sets how many
seconds of real time a run may do nothing new.
"""

import atexit
import inspect
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta

import pytest
import pytest_asyncio

from perdure.runtime.exit import exit_process
from perdure.testing.runner import STALLED_AFTER, WorkflowRunner, open_runner

__all__ = ["run_workflow"]

_OPTION = "perdure_stalled_after"
_STATUS = pytest.StashKey[int]()


@pytest_asyncio.fixture
async def run_workflow(pytestconfig: pytest.Config) -> AsyncIterator[WorkflowRunner]:
    """Provide a runner of workflows."""
    seconds = float(pytestconfig.getini(_OPTION))
    async with open_runner(stalled_after=timedelta(seconds=seconds)) as runner:
        yield runner


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option."""
    seconds = f"{STALLED_AFTER.total_seconds():g}"
    parser.addini(_OPTION, "Seconds in which a run must do something new.", default=seconds)


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makeitem(collector: pytest.Module | pytest.Class, obj: object) -> None:
    """Let pytest-asyncio run the coroutine tests that use the fixture, in its strict mode too."""
    if not inspect.iscoroutinefunction(obj) or collector.get_closest_marker("anyio"):
        return
    if "run_workflow" in inspect.signature(obj).parameters:
        pytest.mark.asyncio(obj)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Remember the verdict of the tests."""
    session.config.stash[_STATUS] = exitstatus


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_unconfigure(config: pytest.Config) -> Iterator[None]:
    """Leave with that verdict, whatever temporalio does to the interpreter's ending."""
    yield
    if _STATUS in config.stash:
        atexit._run_exitfuncs()  # noqa: SLF001 (such as coverage's, which stores what it measured)
        exit_process(config.stash[_STATUS])

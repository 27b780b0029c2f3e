from collections.abc import Iterator

import pytest

from perdure.ending import leave

pytest_plugins = ["perdure.testing.plugin"]

_STATUS = pytest.StashKey[int]()


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    session.config.stash[_STATUS] = exitstatus


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_unconfigure(config: pytest.Config) -> Iterator[None]:
    """Leave with the tests' own verdict, whatever temporalio does to the interpreter's ending."""
    yield
    leave(config.stash.get(_STATUS, 0))

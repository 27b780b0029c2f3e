from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from perdure.runtime.exit import exit_process

pytest_plugins = ["perdure.testing.plugin"]

_STATUS = pytest.StashKey[int]()

# No test asserts how long something takes: on a busy machine anything may.
settings.register_profile("perdure", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("perdure")


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    session.config.stash[_STATUS] = exitstatus


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_unconfigure(config: pytest.Config) -> Iterator[None]:
    """Leave with the tests' own verdict, whatever temporalio does to the interpreter's ending."""
    yield
    exit_process(config.stash.get(_STATUS, 0))

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path

import pytest

from tests.support.suite import World, open_world


@pytest.fixture
def world(tmp_path: Path) -> Callable[..., AbstractAsyncContextManager[World]]:
    """A whole suite in a folder of its own; what needs no suite to itself shares one with its module."""
    return partial(open_world, tmp_path)

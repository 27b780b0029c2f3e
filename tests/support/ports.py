"""A range of ports for each test process, so that concurrent processes never use the same port."""

import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from perdure.local.ports import is_free
from perdure.local.services import CONSOLE, SERVICES
from perdure.local.state import State

SERVERS: Final = ("nats", "nats_monitor", "temporal", "temporal_ui", "temporal_http", "temporal_metrics")

_FIRST: Final = 10_000  # ephemeral ports start at 32768
_EACH: Final = 2_000


def _own_range() -> Iterator[int]:
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    first = _FIRST + worker * _EACH
    return itertools.cycle(range(first, first + _EACH))


_ports = _own_range()


def free_port() -> int:
    return next(filter(is_free, _ports))


def give_ports(state: Path) -> None:
    """Store this test process's ports in a state folder, so that its suite takes no standard port."""
    state.mkdir(parents=True, exist_ok=True)
    State(state).remember_ports({name: free_port() for name in (*SERVERS, *SERVICES, CONSOLE)})

"""Ports of a test process's own: two that run at once never ask for the same."""

import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from perdure.local.ports import is_free
from perdure.local.state import State
from perdure.local.suite import SERVICES

SERVERS: Final = ("nats", "nats_monitor", "temporal", "temporal_ui", "temporal_http", "temporal_metrics")

_FIRST: Final = 10_000  # up to 32767 no connection of anybody's takes a port by itself
_EACH: Final = 2_000


def _own() -> Iterator[int]:
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    first = _FIRST + worker * _EACH
    return itertools.cycle(range(first, first + _EACH))


_ports = _own()


def free_port() -> int:
    return next(filter(is_free, _ports))


def give_ports(state: Path) -> None:
    """Let a suite of this folder remember ports of ours, so that it asks for no standard one."""
    state.mkdir(parents=True, exist_ok=True)
    State(state).remember_ports({name: free_port() for name in (*SERVERS, *SERVICES)})

"""A suite for one chaos run, with its own folder and configuration."""

import os
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from itertools import chain
from pathlib import Path
from typing import Any, Final

import yaml

from perdure.chaos.plan import PROBE
from perdure.config.loader import load_settings
from perdure.config.project import PREFIX
from perdure.config.settings import Settings
from perdure.config.yaml_file import CONFIG_VARIABLE
from perdure.local.ports import is_free
from perdure.local.program_event import ProgramEvent
from perdure.local.services import SERVICES
from perdure.local.state import State
from perdure.local.suite import open_suite

__all__ = ["own_suite"]

_CONFIGURATION: Final[Mapping[str, Any]] = {
    "workflows": ["perdure.chaos.workload"],
    "routes": [
        {
            "on": PROBE,
            "start": "ChaosProbe",
            "schema": {
                "type": "object",
                "required": ["number", "words"],
                "properties": {"number": {"type": "integer"}, "words": {"type": "string"}},
            },
        }
    ],
    "temporal": {"task_timeout_seconds": 3},  # how long a run waits if its worker was killed during a workflow task
}
_SERVERS: Final = ("nats", "nats_monitor", "temporal", "temporal_ui", "temporal_http", "temporal_metrics")

# Linux takes ephemeral ports from 32768 up: below, a restarted server finds its port free.
_FIRST_PORTS: Final = range(18_000, 31_000, 100)
_PORTS: Final = 100


@asynccontextmanager
async def own_suite(
    folder: Path, *, replicas: Mapping[str, int], report: Callable[[ProgramEvent], None]
) -> AsyncIterator[Settings]:
    """Run a suite in this folder for the duration of the block; the user's own configuration is ignored."""
    file = folder / "perdure.yaml"
    file.write_text(yaml.safe_dump({**_CONFIGURATION, "approvals": {"keys": str(folder / "keys")}}, sort_keys=False))
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        del os.environ[name]
    os.environ[CONFIG_VARIABLE] = str(file)
    settings = load_settings(state=folder / "state")
    os.environ[f"{PREFIX}STATE"] = str(settings.state)  # the verifier is a process of its own and finds the suite here
    _take_free_ports(settings.state, replicas)
    async with open_suite(settings, report=report, replicas=replicas):
        yield settings


def _take_free_ports(state: Path, replicas: Mapping[str, int]) -> None:
    """Choose free ports other than the standard ones, which the user's own suite may need."""
    replica_names: Iterable[str] = chain.from_iterable(
        (f"{name}-{number}" for number in range(2, count + 1)) for name, count in replicas.items()
    )
    first = _FIRST_PORTS[os.getpid() % len(_FIRST_PORTS)]
    free = filter(is_free, range(first, first + _PORTS))
    state.mkdir(parents=True, exist_ok=True)
    State(state).remember_ports(dict(zip((*_SERVERS, *SERVICES, *replica_names), free, strict=False)))

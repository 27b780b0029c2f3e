"""A suite for nothing but chaos, in a folder of its own, with a configuration of its own."""

import os
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from itertools import chain
from pathlib import Path
from typing import Any, Final

import yaml

from perdure.chaos.plan import PROBE
from perdure.config.loader import load_settings
from perdure.config.settings import PREFIX, Settings
from perdure.config.yaml_file import CONFIG_VARIABLE
from perdure.local.ports import is_free
from perdure.local.state import State
from perdure.local.suite import SERVICES, open_suite
from perdure.local.supervisor import Happening

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
    "temporal": {"task_timeout_seconds": 3},  # so long a run waits whose worker was killed in the middle of its task
}
_SERVERS: Final = ("nats", "nats_monitor", "temporal", "temporal_ui", "temporal_http", "temporal_metrics")

# Below 32768 no connection takes a port by itself: a server that was killed finds its own free again.
_FIRST_PORTS: Final = range(18_000, 31_000, 100)
_PORTS: Final = 100


@asynccontextmanager
async def own_suite(
    folder: Path, *, replicas: Mapping[str, int], tell: Callable[[Happening], None]
) -> AsyncIterator[Settings]:
    """Run a suite in this folder for as long as the block lasts; what the user configured elsewhere is set aside."""
    file = folder / "perdure.yaml"
    file.write_text(yaml.safe_dump(dict(_CONFIGURATION), sort_keys=False))
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        del os.environ[name]
    os.environ[CONFIG_VARIABLE] = str(file)
    settings = load_settings(state=folder / "state")
    os.environ[f"{PREFIX}STATE"] = str(settings.state)  # where the verifier, a process of its own, finds the suite
    _take_free_ports(settings.state, replicas)
    async with open_suite(settings, tell=tell, replicas=replicas):
        yield settings


def _take_free_ports(state: Path, replicas: Mapping[str, int]) -> None:
    """Take ports off the standard ones, where a suite of the user's may be about to start."""
    more: Iterable[str] = chain.from_iterable(
        (f"{name}-{number}" for number in range(2, count + 1)) for name, count in replicas.items()
    )
    first = _FIRST_PORTS[os.getpid() % len(_FIRST_PORTS)]
    free = filter(is_free, range(first, first + _PORTS))
    state.mkdir(parents=True, exist_ok=True)
    State(state).remember_ports(dict(zip((*_SERVERS, *SERVICES, *more), free, strict=False)))

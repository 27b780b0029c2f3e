"""A suite for one chaos run, with its own folder and configuration."""

import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

import yaml

from perdure.chaos.routes import CONFIGURATION
from perdure.chaos.stage import Stage, open_stage
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

_SERVERS: Final = ("nats", "nats_monitor", "temporal", "temporal_ui", "temporal_http", "temporal_metrics")

# Linux takes ephemeral ports from 32768 up: below, a restarted server finds its port free.
_FIRST_PORTS: Final = range(18_000, 31_000, 100)
_PORTS: Final = 100


@asynccontextmanager
async def own_suite(
    folder: Path, *, replicas: Mapping[str, int], faults: frozenset[str], report: Callable[[ProgramEvent], None]
) -> AsyncIterator[tuple[Settings, Stage]]:
    """Run a suite in this folder for the duration of the block; the user's own configuration is ignored.

    Args:
        folder: Gets the configuration and the state.
        replicas: Number of processes by service.
        faults: The kinds of faults that the suite is made for.
        report: Called with each start, death and stop of a program.

    Raises:
        SetupError: The suite cannot start, or this machine lacks what a fault needs.
    """
    settings = _settings_in(folder)
    processes = [*SERVICES, *_further(replicas)]
    ports = _take_free_ports(settings.state, processes)
    async with AsyncExitStack() as stack:
        stage = await stack.enter_async_context(open_stage(faults, settings.state, ports=ports, processes=processes))
        suite = open_suite(settings, report=report, replicas=replicas, environments=stage.environment)
        await stack.enter_async_context(suite)
        yield settings, stage


def _settings_in(folder: Path) -> Settings:
    file = folder / "perdure.yaml"
    file.write_text(yaml.safe_dump({**CONFIGURATION, "approvals": {"keys": str(folder / "keys")}}, sort_keys=False))
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        del os.environ[name]
    os.environ[CONFIG_VARIABLE] = str(file)
    settings = load_settings(state=folder / "state")
    os.environ[f"{PREFIX}STATE"] = str(settings.state)  # the verifier is a process of its own and finds the suite here
    return settings


def _further(replicas: Mapping[str, int]) -> list[str]:
    return [f"{name}-{number}" for name, count in replicas.items() for number in range(2, count + 1)]


def _take_free_ports(state: Path, processes: Sequence[str]) -> dict[str, int]:
    """Choose free ports other than the standard ones, which the user's own suite may need."""
    first = _FIRST_PORTS[os.getpid() % len(_FIRST_PORTS)]
    free = filter(is_free, range(first, first + _PORTS))
    state.mkdir(parents=True, exist_ok=True)
    ports = dict(zip((*_SERVERS, *processes), free, strict=False))
    State(state).remember_ports(ports)
    return ports

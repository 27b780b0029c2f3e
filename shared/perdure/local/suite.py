"""Runs a suite on one machine: the embedded servers, unless you run your own, and the four services."""

import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from perdure.config.settings import Settings
from perdure.errors import SetupError
from perdure.local.approver import ensure_approver, ensure_notifier
from perdure.local.kept_configuration import KeptConfiguration
from perdure.local.leases import PortLeases
from perdure.local.program_event import ProgramEvent, Ready
from perdure.local.programs import SuitePrograms
from perdure.local.services import MANY, SERVICES
from perdure.local.state import Endpoints, State
from perdure.local.supervisor import Supervisor, supervised

__all__ = ["Suite", "open_suite"]

_INSTANCE_BYTES: Final = 8


@dataclass(frozen=True, slots=True)
class Suite:
    """A running suite."""

    supervisor: Supervisor
    endpoints: Endpoints
    configuration: KeptConfiguration


@asynccontextmanager
async def open_suite(  # noqa: PLR0913 (each is an option of a suite)
    settings: Settings,
    *,
    report: Callable[[ProgramEvent], None],
    requested_ports: Mapping[str, int] | None = None,
    environment: Mapping[str, str] | None = None,
    environments: Mapping[str, Mapping[str, str]] | None = None,
    replicas: Mapping[str, int] | None = None,
) -> AsyncIterator[Suite]:
    """Run a suite on the configured state folder for the duration of the block.

    Args:
        settings: The configuration; the services read the same.
        report: Called with each start, death and stop of a program.
        requested_ports: Ports that the command line requests: ``nats``, ``temporal``, ``temporal_ui`` or a service.
        environment: Variables added to the services' environment.
        environments: Variables added to that of single processes, by name.
        replicas: Number of processes by service, by default one; the second of ingest is ``ingest-2``.

    Raises:
        SetupError: The suite cannot start; the message names the cause.
    """
    names = _processes(replicas or {})
    state = State(settings.state)
    with state.locked(), PortLeases(f"the suite of {state.folder}") as leases:
        if settings.execution_engine == "local":
            ensure_approver(settings)
            ensure_notifier(settings)
        programs = SuitePrograms(
            settings,
            state,
            leases,
            names=names,
            options=requested_ports or {},
            environments={name: {**(environment or {}), **(environments or {}).get(name, {})} for name in names},
            instance=secrets.token_hex(_INSTANCE_BYTES),
        )
        started = programs.all()
        pids: dict[str, int] = {}

        def on_event(event: ProgramEvent) -> None:
            if isinstance(event, Ready):
                pids[event.name] = event.pid
                if len(pids) == len(started):
                    state.write_endpoints(programs.endpoints(pids))
            report(event)

        async with supervised(started, state.folder / "logs", on_event, moved=programs.moved) as supervisor:
            yield Suite(supervisor, programs.endpoints(pids), programs.configuration)


def _processes(replicas: Mapping[str, int]) -> list[str]:
    for name, count in replicas.items():
        if name not in MANY:
            raise SetupError(f"{name} cannot run as several processes; only {', '.join(MANY)} can.")
        if count < 1:
            raise SetupError(f"{name} needs at least one process, not {count}.")
    return [
        name if number == 1 else f"{name}-{number}"
        for name in SERVICES
        for number in range(1, replicas.get(name, 1) + 1)
    ]

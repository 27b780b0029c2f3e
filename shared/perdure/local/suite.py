"""Runs a suite on one machine: the embedded servers, unless you run your own, and the four services."""

import json
import os
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from perdure.bus.permissions import ROLES
from perdure.config.settings import NatsSettings, Settings
from perdure.config.yaml_file import CONFIG_VARIABLE, config_file
from perdure.errors import SetupError
from perdure.local.approver import ensure_approver, ensure_notifier
from perdure.local.nkeys import ensure_nkeys, seed_file
from perdure.local.ports import choose_ports
from perdure.local.program import Program, http_ready
from perdure.local.provision import Provisioner
from perdure.local.servers import nats_program, temporal_program
from perdure.local.state import Endpoints, State
from perdure.local.supervisor import ProgramEvent, Ready, Supervisor, supervised

__all__ = ["MANY", "SERVICES", "Suite", "open_suite", "service_of"]

SERVICES: Final = ("audit", "notifier", "orchestrator", "ingest")
"""The services in start order; they stop in reverse, ingest first."""

MANY: Final = ("notifier", "orchestrator", "ingest")
"""The services that may run as several processes; two of audit would write the same SQLite file."""

_SERVERS_PORTS: Final = {
    "nats": 4222,
    "nats_monitor": 0,
    "temporal": 7233,
    "temporal_ui": 8233,
    "temporal_http": 0,
    "temporal_metrics": 0,
}


@dataclass(frozen=True, slots=True)
class Suite:
    """A running suite."""

    supervisor: Supervisor
    endpoints: Endpoints


@asynccontextmanager
async def open_suite(
    settings: Settings,
    *,
    report: Callable[[ProgramEvent], None],
    requested_ports: Mapping[str, int] | None = None,
    environment: Mapping[str, str] | None = None,
    replicas: Mapping[str, int] | None = None,
) -> AsyncIterator[Suite]:
    """Run a suite on the configured state folder for the duration of the block.

    Args:
        settings: The configuration; the services read the same.
        report: Called with each start, death and stop of a program.
        requested_ports: Requested ports by name: ``nats``, ``temporal``, ``temporal_ui`` or a service.
        environment: Variables added to the services' environment.
        replicas: Number of processes by service, by default one; the second of ingest is ``ingest-2``.

    Raises:
        SetupError: The suite cannot start; the message names the cause.
    """
    names = _instances(replicas or {})
    state = State(settings.state)
    with state.locked():
        embedded = settings.execution_engine == "local"
        if embedded:
            ensure_approver(settings)
            ensure_notifier(settings)
        ports = _ports(settings, state, requested_ports or {}, names, embedded=embedded)
        servers = _servers(settings, state, ports) if embedded else []
        services = [_service(name, state, ports, environment or {}, embedded=embedded) for name in names]
        if embedded:
            provisioner = Provisioner(servers[0], _operator_settings(state, ports), replicas=settings.nats.replicas)
            services = [replace(service, first=provisioner.wait) for service in services]
        programs = [*servers, *services]
        pids: dict[str, int] = {}

        def on_event(event: ProgramEvent) -> None:
            if isinstance(event, Ready):
                pids[event.name] = event.pid
                if len(pids) == len(programs):
                    state.write_endpoints(_endpoints(settings, ports, names, pids, embedded=embedded))
            report(event)

        async with supervised(programs, state.folder / "logs", on_event) as supervisor:
            yield Suite(supervisor, _endpoints(settings, ports, names, pids, embedded=embedded))


def service_of(name: str) -> str:
    """Return the service of a process: ``ingest`` for ``ingest-2``."""
    return name.split("-", maxsplit=1)[0]


def _instances(replicas: Mapping[str, int]) -> list[str]:
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


def _ports(
    settings: Settings, state: State, requested: Mapping[str, int], names: Sequence[str], *, embedded: bool
) -> dict[str, int]:
    services = {name: getattr(settings, name).http_port if name in SERVICES else 0 for name in names}
    standard = {**(_SERVERS_PORTS if embedded else {}), **services}
    ports = choose_ports(standard, remembered=state.remembered_ports(), requested=requested)
    state.remember_ports(ports)
    return ports


def _servers(settings: Settings, state: State, ports: Mapping[str, int]) -> list[Program]:
    return [
        nats_program(state.folder, ports, ensure_nkeys(state.nkeys, ROLES)),
        temporal_program(state.folder, ports, settings.temporal.namespace),
    ]


def _operator_settings(state: State, ports: Mapping[str, int]) -> NatsSettings:
    where = f"nats://127.0.0.1:{ports['nats']}"
    return NatsSettings(servers=(where,), nkey_seed_file=seed_file(state.nkeys, "operator"))


def _service(
    name: str, state: State, ports: Mapping[str, int], environment: Mapping[str, str], *, embedded: bool
) -> Program:
    variables = {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
        "PERDURE_STATE": str(state.folder),
        f"PERDURE_{service_of(name).upper()}__HTTP_PORT": str(ports[name]),
    }
    if file := config_file():
        variables[CONFIG_VARIABLE] = str(file.resolve())
    if embedded:
        variables["PERDURE_NATS__SERVERS"] = json.dumps([f"nats://127.0.0.1:{ports['nats']}"])
        variables["PERDURE_NATS__NKEY_SEED_FILE"] = str(seed_file(state.nkeys, service_of(name)))
        variables["PERDURE_TEMPORAL__HOST"] = "127.0.0.1"
        variables["PERDURE_TEMPORAL__PORT"] = str(ports["temporal"])
    where = f"http://127.0.0.1:{ports[name]}"
    return Program(
        name=name,
        command=[sys.executable, "-m", f"perdure_{service_of(name)}"],
        where=where,
        ready=http_ready(f"{where}/readyz"),
        environment={**variables, **environment},
    )


def _endpoints(
    settings: Settings, ports: Mapping[str, int], names: Sequence[str], pids: Mapping[str, int], *, embedded: bool
) -> Endpoints:
    temporal = settings.temporal
    return Endpoints(
        pid=os.getpid(),
        nats=f"nats://127.0.0.1:{ports['nats']}" if embedded else settings.nats.servers[0],
        temporal=f"127.0.0.1:{ports['temporal']}" if embedded else f"{temporal.host}:{temporal.port}",
        temporal_ui=f"http://127.0.0.1:{ports['temporal_ui']}" if embedded else None,
        services={name: f"http://127.0.0.1:{ports[name]}" for name in names},
        pids=dict(pids),
    )

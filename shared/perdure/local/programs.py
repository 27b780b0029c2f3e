"""The programs of one suite, on the ports that it holds."""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from perdure.bus.permissions import ROLES
from perdure.config.instance import INSTANCE_VARIABLE
from perdure.config.project import CONFIG_VARIABLE, project_folder
from perdure.config.settings import NatsSettings, Settings
from perdure.connections.nats_greeting import suite_server_name
from perdure.errors import SetupError
from perdure.local.code import Code
from perdure.local.kept_configuration import KeptConfiguration
from perdure.local.leases import PortLeases
from perdure.local.ports import Requested, choose_ports, is_free, taken
from perdure.local.program import STOPPED_WITHIN, Program, http_ready
from perdure.local.provision import Provisioner
from perdure.local.servers import nats_program, temporal_program
from perdure.local.services import CONSOLE, ORCHESTRATOR, SERVICES, base_of, service_of
from perdure.local.state import Endpoints, State

__all__ = ["SuitePrograms"]

_SERVER_PORTS: Final = {
    "nats": {"nats": 4222, "nats_monitor": 0},
    "temporal": {"temporal": 7233, "temporal_ui": 8233, "temporal_http": 0, "temporal_metrics": 0},
}
_WITH_PORT: Final = (*SERVICES, CONSOLE)
_LOCALHOST: Final = "127.0.0.1"
_EVERY_INTERFACE: Final = {"": _LOCALHOST, "0.0.0.0": _LOCALHOST, "::": "::1"}  # noqa: S104 (it is recognised, not bound)

_IN_CLEAR: Final = {
    f"PERDURE_{key}": "null"
    for key in (
        "NATS__TLS",
        "NATS__CREDENTIALS_FILE",
        "NATS__USER",
        "NATS__PASSWORD_FILE",
        "NATS__PASSWORD_COMMAND",
        "NATS__PASSWORD_VARIABLE",
        "TEMPORAL__API_KEY_FILE",
        "TEMPORAL__API_KEY_COMMAND",
        "TEMPORAL__API_KEY_VARIABLE",
    )
} | {"PERDURE_TEMPORAL__TLS__ENABLED": "false", "PERDURE_TEMPORAL__ENVIRONMENT": "false"}
"""How services reach the servers of their suite: over the loopback interface, with the suite's own nkeys."""


class SuitePrograms:
    """Builds the programs of a suite, and builds them anew where a port is lost to a stranger.

    Args:
        settings: The configuration; the services read the same.
        state: The state folder, whose lock is held.
        leases: Keeps the ports from other suites.
        names: The processes of services.
        options: Ports that the command line requests, by name.
        environments: Variables added to the environment of each process, by its name.
        instance: The id of this start of the suite.

    Attributes:
        configuration: The one that the services read.
        code: What each process of the orchestrator runs, by its name; others run what is installed.

    Raises:
        SetupError: A requested port is taken, or a server is not installed.
    """

    def __init__(  # noqa: PLR0913 (what a suite is made of)
        self,
        settings: Settings,
        state: State,
        leases: PortLeases,
        *,
        names: Sequence[str],
        options: Mapping[str, int],
        environments: Mapping[str, Mapping[str, str]],
        instance: str,
    ) -> None:
        self._settings, self._state, self._leases, self._names = settings, state, leases, list(names)
        self._environments, self._instance = dict(environments), instance
        self.configuration = KeptConfiguration(state.folder)
        self.code: dict[str, Code] = {}
        self._embedded = settings.execution_engine == "local"
        self._requested = _requested(settings, names, options)
        self._ports: dict[str, int] = {}
        self._choose()
        self._nkeys = state.ensure_seeds(ROLES) if self._embedded else {}
        self._provisioner = Provisioner(self._nats, self._operator, settings.nats)

    def all(self) -> list[Program]:
        """Return all programs, in start order."""
        servers = [self._nats(), self._temporal()] if self._embedded else []
        return [*servers, *map(self._service, self._names)]

    def moved(self, name: str) -> list[Program]:
        """Return the programs that must run anew because a program that ended has lost a port to a stranger.

        Raises:
            SetupError: The port was requested, so no other may be used.
        """
        lost = [it for it in self._ports_of(name) if not is_free(self._ports[it])]
        for it in lost:
            if it in self._requested:
                raise SetupError(taken(it, self._requested[it]))
        if not lost:
            return []
        self._leases.release([self._ports.pop(it) for it in lost])
        self._choose()
        return self.all() if name in _SERVER_PORTS else [self._service(name)]

    def add(self, name: str, code: Code) -> Program:
        """Return the program of another process of the orchestrator, which has the environment of an equal one.

        Raises:
            SetupError: There is no port for it; then it is not known.
        """
        self._names.append(name)
        try:
            self._choose(remember=False)  # the next suite has the usual ports again
        except SetupError:
            self._names.remove(name)
            raise
        self.code[name] = code
        self._environments[name] = self._environments.get(base_of(name), {})
        return self._service(name)

    def rename(self, name: str, new: str) -> None:
        """Let a process keep its port and its code under another name."""
        self._requested.pop(name, None)  # from now on the name may have another port
        self._ports[new] = self._ports.pop(name)
        self.code[new] = self.code.pop(name)
        self._environments[new] = self._environments.pop(name, {})
        self._names[self._names.index(name)] = new

    def remove(self, name: str) -> None:
        """Forget a process that has ended, and give its port back."""
        self._names.remove(name)
        self.code.pop(name, None)
        self._environments.pop(name, None)
        self._leases.release([self._ports.pop(name)])

    def program(self, name: str) -> Program:
        """Return the program of a service's process as it is started next."""
        return self._service(name)

    def endpoints(self, pids: Mapping[str, int]) -> Endpoints:
        """Return the addresses of all programs."""
        temporal, ports = self._settings.temporal, self._ports
        return Endpoints(
            pid=os.getpid(),
            instance=self._instance,
            nats=f"nats://{_LOCALHOST}:{ports['nats']}" if self._embedded else self._settings.nats.servers[0],
            temporal=f"{_LOCALHOST}:{ports['temporal']}" if self._embedded else f"{temporal.host}:{temporal.port}",
            temporal_ui=f"http://{_LOCALHOST}:{ports['temporal_ui']}" if self._embedded else None,
            services={name: self._url(name) for name in self._names},
            pids=dict(pids),
        )

    def _choose(self, *, remember: bool = True) -> None:
        """Choose a port for each program that has none."""
        servers = [ports for ports in _SERVER_PORTS.values() if self._embedded]
        services = {it: getattr(self._settings, it).http_port if it in _WITH_PORT else 0 for it in self._names}
        standard = {name: port for part in (*servers, services) for name, port in part.items()}
        chosen = choose_ports(
            {name: port for name, port in standard.items() if name not in self._ports},
            remembered=self._state.remembered_ports(),
            requested=self._requested,
            take=self._leases.take,
            holder_of=self._leases.holder_of,
        )
        self._ports |= chosen
        if remember:
            self._state.remember_ports({name: port for name, port in self._ports.items() if base_of(name) == name})

    def _ports_of(self, name: str) -> list[str]:
        return list(_SERVER_PORTS.get(name, {name: 0}))

    def _nats(self) -> Program:
        return nats_program(self._state.folder, self._ports, self._nkeys, name=suite_server_name(self._instance))

    def _temporal(self) -> Program:
        return temporal_program(self._state.folder, self._ports, self._settings.temporal.namespace)

    def _operator(self) -> NatsSettings:
        where = f"nats://{_LOCALHOST}:{self._ports['nats']}"
        return NatsSettings(servers=(where,), nkey_seed_file=self._state.seed("operator"))

    def _service(self, name: str) -> Program:
        service = service_of(name)
        variables = {
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
            "PERDURE_STATE": str(self._state.folder),
            f"PERDURE_{service.upper()}__HTTP_PORT": str(self._ports[name]),
            INSTANCE_VARIABLE: self._instance,
            CONFIG_VARIABLE: str(self.configuration.file),
        }
        if self._embedded:
            variables["PERDURE_NATS__SERVERS"] = json.dumps([f"nats://{_LOCALHOST}:{self._ports['nats']}"])
            variables["PERDURE_NATS__NKEY_SEED_FILE"] = str(self._state.seed(service))
            variables |= _IN_CLEAR
            variables["PERDURE_TEMPORAL__HOST"] = _LOCALHOST
            variables["PERDURE_TEMPORAL__PORT"] = str(self._ports["temporal"])
        code = self.code.get(name)
        if code is not None:
            variables[CONFIG_VARIABLE] = str(code.configuration)
        own = self._environments.get(name, {})
        where = self._url(name)
        program = Program(
            name=name,
            command=[sys.executable, "-m", f"perdure_{service}"],
            where=where,
            ready=http_ready(f"{where}/readyz", is_ours=self._is_ours),
            environment={**variables, **own, **(code.environment(own) if code else {})},
            folder=project_folder(),
            stopped_within=STOPPED_WITHIN + self._grace(name),
        )
        return replace(program, first=self._provisioner.wait) if self._embedded else program

    def _grace(self, name: str) -> float:
        """Return how many seconds the steps of a process may take to end; a variable may say more than its code."""
        if service_of(name) != ORCHESTRATOR:
            return 0
        code = self.code.get(name)
        configured = self._settings.orchestrator.graceful_shutdown_seconds
        return max(configured, code.graceful_shutdown_seconds if code else 0)

    def _url(self, name: str) -> str:
        host = getattr(self._settings, service_of(name)).http_host
        host = _EVERY_INTERFACE.get(host, host)
        return f"http://{f'[{host}]' if ':' in host else host}:{self._ports[name]}"

    def _is_ours(self, answer: Any) -> bool:
        return isinstance(answer, dict) and answer.get("instance") == self._instance


def _requested(settings: Settings, names: Sequence[str], options: Mapping[str, int]) -> dict[str, Requested]:
    """Return the ports that the command line and the configuration request; the command line wins."""
    sections = {name: getattr(settings, name) for name in names if name in _WITH_PORT}
    configured = {
        name: Requested(section.http_port, f"{name}.http_port")
        for name, section in sections.items()
        if "http_port" in section.model_fields_set and section.http_port
    }
    return configured | {name: Requested(port, f"--{name.replace('_', '-')}-port") for name, port in options.items()}

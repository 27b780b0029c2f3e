"""Runs a suite on one machine: the embedded servers, unless you run your own, and the four services."""

import os
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Final

from perdure.builds.author_modules import import_path
from perdure.config.settings import Settings
from perdure.errors import SetupError
from perdure.local.approver import ensure_approver, ensure_notifier
from perdure.local.deploy_requests import forget_requests
from perdure.local.kept_configuration import KeptConfiguration
from perdure.local.leases import PortLeases
from perdure.local.other_services import OtherServices
from perdure.local.program_event import ProgramEvent
from perdure.local.programs import SuitePrograms
from perdure.local.published_endpoints import PublishedEndpoints
from perdure.local.rollouts import Rollouts
from perdure.local.services import CONSOLE, MANY, ORCHESTRATOR, SERVICES, service_of
from perdure.local.state import Endpoints, State
from perdure.local.supervisor import Supervisor, supervised
from perdure.local.take_code import CodeTaker
from perdure.local.versions import Versions
from perdure.runtime.background import background
from perdure.values.rollout import FilesLeftOut, RolloutEvent

__all__ = ["Suite", "open_suite"]

_INSTANCE_BYTES: Final = 8


class Suite:
    """A running suite.

    Attributes:
        supervisor: Keeps its programs running.
        rollouts: How new code takes over.
        configuration: What the services read.
    """

    def __init__(
        self,
        supervisor: Supervisor,
        rollouts: Rollouts,
        configuration: KeptConfiguration,
        directory: PublishedEndpoints,
    ) -> None:
        self.supervisor = supervisor
        self.rollouts = rollouts
        self.configuration = configuration
        self._directory = directory

    @property
    def endpoints(self) -> Endpoints:
        """Where its programs are."""
        return self._directory.endpoints


@asynccontextmanager
async def open_suite(  # noqa: PLR0913 (each is an option of a suite)
    settings: Settings,
    *,
    report: Callable[[ProgramEvent], None],
    report_rollout: Callable[[RolloutEvent], None] = lambda _: None,
    requested_ports: Mapping[str, int] | None = None,
    environment: Mapping[str, str] | None = None,
    environments: Mapping[str, Mapping[str, str]] | None = None,
    replicas: Mapping[str, int] | None = None,
    console: bool = False,
) -> AsyncIterator[Suite]:
    """Run a suite on the configured state folder for the duration of the block.

    Args:
        settings: The configuration; the services read the same.
        report: Called with each start, death and stop of a program.
        report_rollout: Called with each step of a rollout.
        requested_ports: Ports that the command line requests: ``nats``, ``temporal``, ``temporal_ui`` or a service.
        environment: Variables added to the services' environment.
        environments: Variables added to that of single processes, by name.
        replicas: Number of processes by service, by default one; the second of ingest is ``ingest-2``.
        console: Whether to run the console too.

    Raises:
        SetupError: The suite cannot start; the message names the cause.
    """
    names = [*_processes(replicas or {}), *([CONSOLE] if console else [])]
    state = State(settings.state)
    with state.locked(), PortLeases(f"the suite of {state.folder}") as leases:
        forget_requests(state.folder)
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
        taker = CodeTaker(state.folder, programs.configuration, _search_path(environment or {}))
        draft = taker.draft(settings, programs.configuration.file.read_bytes())
        code = taker.keep(draft)
        taker.apply(draft)
        if code.snapshot.left_out:
            report_rollout(FilesLeftOut(build=code.build, why=code.snapshot.left_out))
        programs.code.update({name: code for name in names if service_of(name) == ORCHESTRATOR})
        started = programs.all()
        directory = PublishedEndpoints(state, programs.endpoints, len(started))

        def on_event(event: ProgramEvent) -> None:
            directory.note(event)
            report(event)

        async with supervised(started, state.folder / "logs", on_event, moved=programs.moved) as supervisor:
            others = OtherServices(supervisor, programs.configuration, names)
            versions = Versions(supervisor, programs, directory, state, code)
            rollouts = Rollouts(versions, taker, others, report_rollout)
            async with background(rollouts.tend()):
                yield Suite(supervisor, rollouts, programs.configuration, directory)


def _search_path(environment: Mapping[str, str]) -> list[str]:
    """Return where services look for modules."""
    return [*filter(None, environment.get("PYTHONPATH", "").split(os.pathsep)), *import_path()]


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

"""``perdure up``: a whole suite, kept running until Ctrl-C."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from perdure.cli.client import Json, run_command
from perdure.cli.hangup import Terminal
from perdure.cli.output import console, plain
from perdure.cli.replicas import Replicas, read_replicas
from perdure.cli.signals import cancel_on_signal, cancel_once
from perdure.config.project import CONFIG_VARIABLE

if TYPE_CHECKING:
    from perdure.config.problem import Problem
    from perdure.config.settings import Settings
    from perdure.local.suite import Suite

__all__ = ["register"]

Port = Annotated[int | None, typer.Option(min=1, max=65535, help="Take this port and no other.")]


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(epilog="Example: perdure up --state /srv/perdure --nats-port 4222")
    def up(  # noqa: PLR0913, PLR0917 (each is a flag)
        config: Annotated[Path | None, typer.Option(help="By default perdure.yaml of this folder or a parent.")] = None,
        state: Annotated[
            Path | None, typer.Option(help="Where everything is kept; by default .perdure beside it.")
        ] = None,
        nats_port: Port = None,
        temporal_port: Port = None,
        temporal_ui_port: Port = None,
        replicas: Replicas = "",
        *,
        reload: Annotated[bool, typer.Option("--reload", help="Roll out code and settings that change.")] = False,
        as_json: Json = False,
    ) -> None:
        """Run NATS, Temporal and the services until Ctrl-C or SIGTERM."""
        from perdure.config.loader import load_settings

        processes = read_replicas(replicas)
        if config is not None:
            os.environ[CONFIG_VARIABLE] = str(config)
        settings = load_settings(**({} if state is None else {"state": state}))
        requested = {"nats": nats_port, "temporal": temporal_port, "temporal_ui": temporal_ui_port}
        ports = {name: port for name, port in requested.items() if port is not None}
        run_command(cancel_on_signal(_up(settings, ports, processes, reload=reload, as_json=as_json)))


async def _up(
    settings: Settings, ports: dict[str, int], replicas: dict[str, int], *, reload: bool, as_json: bool
) -> None:
    """Run until this is cancelled, in whatever it is doing; then all is stopped in order."""
    from perdure.cli.up_display import show, show_json
    from perdure.local.check import refuse_problems
    from perdure.local.deploy_requests import DeployRequests, has_requests
    from perdure.local.reload import project_changes, reload_on_change
    from perdure.local.services import has_console
    from perdure.local.suite import open_suite
    from perdure.runtime.background import background

    report = show_json if as_json else show
    changes = project_changes() if reload else None
    asked, terminal, work = asyncio.Event(), Terminal(), asyncio.current_task()

    def hang_up() -> None:
        """Deploy, or stop with the terminal; a request of ``perdure deploy`` is no matter of the terminal."""
        has_closed = terminal.has_closed()
        if not has_closed or has_requests(settings.state):
            asked.set()
        elif work is not None and not terminal.outlived:
            cancel_once(work)

    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, hang_up)
    warnings = await refuse_problems(settings)
    opening = open_suite(
        settings,
        report=report,
        report_rollout=report,
        requested_ports=ports,
        replicas=replicas,
        console=has_console(),
    )
    async with opening as suite:
        _greet(suite, settings, as_json=as_json)
        _warn(settings, warnings, as_json=as_json)
        async with background(DeployRequests(settings.state, suite.rollouts, asked).serve()):
            if changes is not None:
                await reload_on_change(suite, changes, report=report)
            await asyncio.Event().wait()


def _greet(suite: Suite, settings: Settings, *, as_json: bool) -> None:
    from perdure.cli.console import CONSOLE_MISSING
    from perdure.cli.up_display import WIDTH
    from perdure.config.nats import shown_url
    from perdure.local.console_link import new_console_link
    from perdure.local.services import CONSOLE

    if as_json:
        endpoints = suite.endpoints.model_copy(update={"nats": shown_url(suite.endpoints.nats)})
        console.out(endpoints.model_dump_json(), highlight=False)
        return
    if suite.endpoints.temporal_ui is not None:
        console.print(f"  {'Temporal UI':<{WIDTH}} {suite.endpoints.temporal_ui}", soft_wrap=True)
    address = suite.endpoints.services.get(CONSOLE)
    link = CONSOLE_MISSING if address is None else f"{new_console_link(settings.state, address)} (works once)"
    console.print(plain(f"  {'Console':<{WIDTH}} {link}"), soft_wrap=True)
    console.print(
        f"[bold]Up.[/] State in {settings.state}. Try: perdure publish, perdure watch. Ctrl-C stops everything."
    )


def _warn(settings: Settings, problems: list[Problem], *, as_json: bool) -> None:
    """Print who else can sign on this machine, and what may be wrong in the configuration."""
    from perdure.local.approver import unprotected_key

    risk = unprotected_key(settings) if settings.execution_engine == "local" else None
    for warning in [*([risk] if risk else []), *map(str, problems)]:
        _print_warning(warning, as_json=as_json)


def _print_warning(what: str, *, as_json: bool) -> None:
    if as_json:
        console.out(json.dumps({"event": "warning", "detail": what}), highlight=False)
    else:
        console.print(plain(f"! {what}"), soft_wrap=True)

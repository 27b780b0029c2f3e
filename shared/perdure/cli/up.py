"""``perdure up``: a whole suite, kept running until Ctrl-C."""

import asyncio
import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Final

import typer

from perdure.cli.client import Json, run_command
from perdure.cli.output import console
from perdure.cli.replicas import Replicas, read_replicas
from perdure.cli.signals import cancel_on_signal
from perdure.config.loader import load_settings
from perdure.config.settings import Settings
from perdure.config.yaml_file import CONFIG_VARIABLE
from perdure.local.check import refuse_problems
from perdure.local.suite import Suite, open_suite
from perdure.local.supervisor import Died, ProgramEvent, Ready, Stopped

__all__ = ["register", "show"]

Port = Annotated[int | None, typer.Option(min=1, max=65535, help="Take this port and no other.")]

_WIDTH: Final = 13


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(epilog="Example: perdure up --state /srv/perdure --nats-port 4222")
    def up(  # noqa: PLR0913, PLR0917 (each is a flag)
        config: Annotated[Path | None, typer.Option(help="The configuration; by default ./perdure.yaml.")] = None,
        state: Annotated[Path | None, typer.Option(help="Where everything is kept; by default .perdure.")] = None,
        nats_port: Port = None,
        temporal_port: Port = None,
        temporal_ui_port: Port = None,
        replicas: Replicas = "",
        *,
        as_json: Json = False,
    ) -> None:
        """Run NATS, Temporal and the four services until Ctrl-C or SIGTERM."""
        processes = read_replicas(replicas)
        if config is not None:
            os.environ[CONFIG_VARIABLE] = str(config)
        settings = load_settings(**({} if state is None else {"state": state}))
        requested = {"nats": nats_port, "temporal": temporal_port, "temporal_ui": temporal_ui_port}
        ports = {name: port for name, port in requested.items() if port is not None}
        run_command(cancel_on_signal(_up(settings, ports, processes, as_json=as_json)))


def show(event: ProgramEvent) -> None:
    """Print a line for what happened to a part of the suite."""
    match event:
        case Ready(name=name, where=where, seconds=seconds):
            console.print(f"[green]✓[/] {name:<{_WIDTH}} {where}  [dim]ready after {seconds:.1f} s[/]", soft_wrap=True)
        case Died(name=name, how=how, seconds=seconds):
            console.print(f"[red]✗[/] {name:<{_WIDTH}} died ({how}); back in {seconds:.1f} s", soft_wrap=True)
        case Stopped(name=name):
            console.print(f"[dim]■ {name:<{_WIDTH}} stopped[/]", soft_wrap=True)


async def _up(settings: Settings, ports: dict[str, int], replicas: dict[str, int], *, as_json: bool) -> None:
    """Run until this is cancelled, in whatever it is doing; then all is stopped in order."""
    await refuse_problems(settings)
    report = _show_json if as_json else show
    async with open_suite(settings, report=report, requested_ports=ports, replicas=replicas) as suite:
        _greet(suite, settings, as_json=as_json)
        await asyncio.Event().wait()


def _greet(suite: Suite, settings: Settings, *, as_json: bool) -> None:
    if as_json:
        console.out(suite.endpoints.model_dump_json(), highlight=False)
        return
    if suite.endpoints.temporal_ui is not None:
        console.print(f"  {'Temporal UI':<{_WIDTH}} {suite.endpoints.temporal_ui}", soft_wrap=True)
    console.print(
        f"[bold]Up.[/] State in {settings.state}. Try: perdure publish, perdure watch. Ctrl-C stops everything."
    )


def _show_json(happening: ProgramEvent) -> None:
    console.out(json.dumps({"event": type(happening).__name__.lower(), **asdict(happening)}), highlight=False)

"""Prints what happens to the programs of ``perdure up``."""

import json
from dataclasses import asdict
from typing import Final

from pydantic import BaseModel

from perdure.cli.output import console, plain
from perdure.cli.rollout_display import show_rollout, show_rollout_json
from perdure.local.program_event import Died, ProgramEvent, Ready, Restarting, Stopped, Troubled
from perdure.local.reload import NotReloaded
from perdure.values.rollout import RolloutEvent

__all__ = ["WIDTH", "show", "show_json"]

WIDTH: Final = 13
"""Columns of a program's name."""


def show(event: ProgramEvent | RolloutEvent | NotReloaded) -> None:
    """Print a line for what happened to a part of the suite."""
    match event:
        case BaseModel():
            show_rollout(event)
        case Ready(name=name, where=where, seconds=seconds):
            console.print(f"[green]✓[/] {name:<{WIDTH}} {where}  [dim]ready after {seconds:.1f} s[/]", soft_wrap=True)
        case Died(name=name, how=how, seconds=seconds, why=why):
            line = f"[red]✗[/] {name:<{WIDTH}} died ("
            console.print(line, end="", soft_wrap=True)
            console.print(plain(f"{how}); back in {seconds:.1f} s"), soft_wrap=True)
            if why:
                console.print(plain(f"  {why}"), soft_wrap=True)
        case Restarting(name=name, why=why):
            console.print(f"[yellow]▶[/] {name:<{WIDTH}} ", end="", soft_wrap=True)
            console.print(plain(f"restarts: {why}"), soft_wrap=True)
        case Troubled(name=name, what=what):
            console.print(f"[red]✗[/] {name:<{WIDTH}} ", end="", soft_wrap=True)
            console.print(plain(f"does not work: {what}"), soft_wrap=True)
        case NotReloaded(files=files, why=why):
            console.print("[red]✗[/] ", end="", soft_wrap=True)
            console.print(plain(f"{files}: not loaded, the suite goes on with what it had. {why}"), soft_wrap=True)
        case Stopped(name=name):
            console.print(f"[dim]■ {name:<{WIDTH}} stopped[/]", soft_wrap=True)


def show_json(event: ProgramEvent | RolloutEvent | NotReloaded) -> None:
    """Print an event as one JSON object, on a line of its own."""
    if isinstance(event, BaseModel):
        show_rollout_json(event)
        return
    console.out(json.dumps({"event": type(event).__name__.lower(), **asdict(event)}), highlight=False)

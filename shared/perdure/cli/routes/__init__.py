"""``perdure routes``: list the routes, try events on them, see what waits, and take stored events through one."""

from typing import Final

import typer

from perdure.cli.command_group import Entry, OnSuite, new_group

__all__ = ["register"]

_COMMANDS: Final = {
    "backfill": OnSuite(f"{__name__}.backfill", "Take stored events through one route, each at most once."),
    "check": Entry(f"{__name__}.check", "Show what each route would do with an event, and why not."),
    "list": Entry(f"{__name__}.list", "List the configured routes, and when each `cron` is due next."),
    "pause": OnSuite(f"{__name__}.pause", "Let a route start no run; its events wait."),
    "resume": OnSuite(f"{__name__}.pause", "Let a paused route go on."),
    "waiting": OnSuite(f"{__name__}.waiting", "Show waiting starts and open runs of each route with flow control."),
}


def register(app: typer.Typer) -> None:
    """Add the group."""
    app.add_typer(new_group("Try events on the routes, see what waits, and backfill.", _COMMANDS), name="routes")

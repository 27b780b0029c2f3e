"""``perdure routes list``: the configured routes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import typer

from perdure.cli.client import Json, open_bus, run_command
from perdure.cli.output import console, table
from perdure.errors import Unavailable
from perdure.values.printable import one_line

if TYPE_CHECKING:
    from perdure.config.routes import Route

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("list", epilog="Example: perdure routes list --json")
    def list_(*, as_json: Json = False) -> None:
        """List the configured routes: what each takes and does."""
        from perdure.config.loader import load_settings

        configured, paused = load_settings().routes, _pauses()
        if as_json:
            for route in configured:
                line = {**_as_configured(route), "paused": paused.get(route.label)}
                console.out(json.dumps(line), highlight=False)
            return
        rows = [(route.label, route.on, _does(route), route.when or "") for route in configured]
        shown = table("route", "on", "does", "when", rows=rows)
        console.print(shown if rows else "There are no routes: `routes:` of perdure.yaml holds them.")
        for route in configured:
            if pause := paused.get(route.label):
                command = f"Let it go on: `perdure routes resume {route.label}`"
                console.print(one_line(f"{route.label}: {pause}. {command}"), soft_wrap=True, markup=False)


def _pauses() -> dict[str, str]:
    """Return what is said about the pause of each paused route; nothing without a suite."""
    from perdure.local.absence import refuse_absent_suite

    try:
        refuse_absent_suite()
        return run_command(_read_pauses())
    except Unavailable:
        return {}


async def _read_pauses() -> dict[str, str]:
    from perdure.bus.views.pauses import pauses
    from perdure.contracts.pauses import route_of

    async with open_bus() as bus:
        found = await pauses(bus)
    return {route: pause.sentence for what, pause in found.items() if (route := route_of(what)) is not None}


def _does(route: Route) -> str:
    if route.signal_with_start:
        return f"signals {route.signal_with_start.signal}, or starts {route.workflow}"
    return f"starts {route.workflow}" if route.workflow else f"signals {route.signal}"


def _as_configured(route: Route) -> dict[str, Any]:
    """Return a route under the keys of perdure.yaml, and under the name that commands and run ids have."""
    return {**route.model_dump(mode="json", by_alias=True), "name": route.label}

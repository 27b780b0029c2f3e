"""``perdure routes list``: the configured routes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import typer

from perdure.cli.client import Json
from perdure.cli.output import console, table

if TYPE_CHECKING:
    from perdure.config.routes import Route

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("list", epilog="Example: perdure routes list --json")
    def list_(*, as_json: Json = False) -> None:
        """List the configured routes: what each takes and does."""
        from perdure.config.loader import load_settings

        configured = load_settings().routes
        if as_json:
            for route in configured:
                console.out(json.dumps(_as_configured(route)), highlight=False)
            return
        rows = [(route.label, route.on, _does(route), route.when or "") for route in configured]
        shown = table("route", "on", "does", "when", rows=rows)
        console.print(shown if rows else "There are no routes: `routes:` of perdure.yaml holds them.")


def _does(route: Route) -> str:
    if route.signal_with_start:
        return f"signals {route.signal_with_start.signal}, or starts {route.workflow}"
    return f"starts {route.workflow}" if route.workflow else f"signals {route.signal}"


def _as_configured(route: Route) -> dict[str, Any]:
    """Return a route under the keys of perdure.yaml, and under the name that commands and run ids have."""
    return {**route.model_dump(mode="json", by_alias=True), "name": route.label}

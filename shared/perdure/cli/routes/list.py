"""``perdure routes list``: the configured routes."""

import typer

from perdure.cli.client import Json
from perdure.cli.output import console, print_json, table
from perdure.config.loader import load_settings
from perdure.config.routes import Route

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("list", epilog="Example: perdure routes list --json")
    def list_(*, as_json: Json = False) -> None:
        """List the configured routes: what each takes and does."""
        configured = load_settings().routes
        if as_json:
            print_json(configured)
            return
        rows = [(route.label, route.on, _does(route), route.when or "") for route in configured]
        shown = table("route", "on", "does", "when", rows=rows)
        console.print(shown if rows else "There are no routes: `routes:` of perdure.yaml holds them.")


def _does(route: Route) -> str:
    if route.signal_with_start:
        return f"signals {route.signal_with_start.signal}, or starts {route.workflow}"
    return f"starts {route.workflow}" if route.workflow else f"signals {route.signal}"

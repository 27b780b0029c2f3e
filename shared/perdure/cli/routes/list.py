"""``perdure routes list``: the configured routes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import typer

from perdure.cli.client import Json, open_bus, run_command
from perdure.cli.output import console, local_day, table
from perdure.errors import Unavailable
from perdure.runtime.stderr import print_error
from perdure.values.printable import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from perdure.config.routes import Route
    from perdure.contracts.schedules import ScheduleState

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("list", epilog="Example: perdure routes list --json")
    def list_(*, as_json: Json = False) -> None:
        """List the configured routes, and when each `cron` is due next.

        Only a suite that runs knows when a route with a `cron` is due next.
        """
        from perdure.config.loader import load_settings

        configured = load_settings().routes
        paused, schedules, problem = _now(has_cron=any(it.cron for it in configured))
        if as_json:
            for route in configured:
                line = {**_as_configured(route, schedules.get(route.label)), "paused": paused.get(route.label)}
                console.out(json.dumps(line), highlight=False)
        else:
            rows = [(it.label, _takes(it), _does(it), it.when or "", _due(it, schedules)) for it in configured]
            shown = table("route", "on", "does", "when", "next", rows=rows)
            console.print(shown if rows else "There are no routes: `routes:` of perdure.yaml holds them.")
            _print_pauses(configured, paused)
        if problem:
            print_error(f"When routes are due next is not known: {problem}")


def _print_pauses(configured: Sequence[Route], paused: dict[str, str]) -> None:
    for route in configured:
        if pause := paused.get(route.label):
            command = f"Let it go on: `perdure routes resume {route.label}`"
            console.print(one_line(f"{route.label}: {pause}. {command}"), soft_wrap=True, markup=False)


def _now(*, has_cron: bool) -> tuple[dict[str, str], dict[str, ScheduleState], str]:
    """Return the pauses and the schedules by route, and why the latter are not known; nothing without a suite."""
    from perdure.local.absence import refuse_absent_suite

    try:
        if not has_cron:
            refuse_absent_suite()  # before anything slow is imported
        return run_command(_ask(has_cron=has_cron))
    except Unavailable as error:
        return {}, {}, str(error) if has_cron else ""


async def _ask(*, has_cron: bool) -> tuple[dict[str, str], dict[str, ScheduleState], str]:
    from perdure.bus.views.pauses import pauses
    from perdure.contracts.pauses import route_of
    from perdure.contracts.schedules import LIST_SCHEDULES, Schedules

    async with open_bus() as bus:
        found = await pauses(bus)
        paused = {route: it.sentence for what, it in found.items() if (route := route_of(what)) is not None}
        if not has_cron:
            return paused, {}, ""
        try:
            answer = Schedules.model_validate_json(await bus.request(LIST_SCHEDULES, b""))
        except Unavailable as error:
            return paused, {}, str(error)
    return paused, {it.route: it for it in answer.schedules}, ""


def _takes(route: Route) -> str:
    return route.on if route.cron is None else f"{route.cron} {route.timezone}"


def _due(route: Route, schedules: dict[str, ScheduleState]) -> str:
    """Return when a route is due next, and what was skipped."""
    if route.cron is None:
        return ""
    if (found := schedules.get(route.label)) is None:
        return "?"
    if found.problem is not None:
        return f"Temporal refuses it: {found.problem}"
    missed = f"; {found.missed} missed" if found.missed else ""
    if found.paused is not None:
        return f"{found.paused}{missed}"
    return f"{local_day(found.next[0])}{missed}" if found.next else f"never again{missed}"


def _does(route: Route) -> str:
    if route.signal_with_start:
        return f"signals {route.signal_with_start.signal}, or starts {route.workflow}"
    return f"starts {route.workflow}" if route.workflow else f"signals {route.signal}"


def _as_configured(route: Route, schedule: ScheduleState | None) -> dict[str, Any]:
    """Return a route under the keys of perdure.yaml, and under the name that commands and run ids have."""
    row = {**route.model_dump(mode="json", by_alias=True), "name": route.label}
    return row if schedule is None else {**row, "schedule": schedule.model_dump(mode="json")}

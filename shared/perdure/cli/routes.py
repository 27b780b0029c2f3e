"""``perdure routes``: tests an event against the routes, and lists waiting starts."""

import json
import sys
from base64 import b64encode
from collections import Counter
from typing import Annotated, Any, Final

import typer
from rich.text import Text

from perdure.bus import NatsKeyValue
from perdure.cli.client import Json, open_bus, run_command
from perdure.cli.command_group import new_group
from perdure.cli.exit_codes import NO
from perdure.cli.output import console, print_json, table
from perdure.cli.publish import parse_data
from perdure.client.publishing import check_type
from perdure.config.loader import load_settings
from perdure.config.routes import Route
from perdure.contracts import from_token, to_token
from perdure.errors import PerdureError
from perdure.local.own_program import run_own_program
from perdure.values.printable import printable

__all__ = ["register"]

_TRIAL: Final = "perdure_ingest.dry_run"  # the command line imports no service: it runs it


def register(app: typer.Typer) -> None:
    """Add the commands."""
    routes = new_group("Try events on the routes, and see what waits.")
    app.add_typer(routes, name="routes")

    @routes.command(epilog='Example: perdure routes check documents.submitted \'{"path": "contract.md"}\'')
    def check(  # noqa: PLR0913, PLR0917 (each is a flag)
        type_: Annotated[str, typer.Argument(metavar="TYPE", help="What happened, such as documents.submitted.")],
        data: Annotated[str, typer.Argument(help="The event's data, JSON; - reads it from standard input.")] = "{}",
        event_id: Annotated[str, typer.Option("--id", help="The event's id.")] = "example",
        source: Annotated[str, typer.Option(help="The CloudEvents source.")] = "perdure/cli",
        subject: Annotated[str | None, typer.Option(help="The CloudEvents subject.")] = None,
        time: Annotated[str | None, typer.Option(help="The event's own time, RFC 3339; by default now.")] = None,
        header: Annotated[list[str] | None, typer.Option(help="A NATS header, as name=value.")] = None,
        *,
        as_json: Json = False,
    ) -> None:
        """Show what each route would do with an event, and why not.

        Nothing is published, and no suite need run.

        Exit code 1 if the event would become a dead letter, or the routes themselves are wrong.
        """
        check_type(type_)
        text = sys.stdin.read() if data == "-" else data
        parse_data(text)
        event = {
            "type": type_,
            "body": b64encode(text.encode(errors="surrogateescape")).decode(),
            "id": event_id,
            "source": source,
            "subject": subject,
            "time": time,
            "headers": dict(map(_header, header or [])),
        }
        outcomes = run_command(_try(event))
        _print(outcomes, as_json=as_json)
        refused = any(it["reason"] is not None for it in outcomes)
        if refused or not any(it["takes"] for it in outcomes):
            raise typer.Exit(NO)

    @routes.command("list", epilog="Example: perdure routes list --json")
    def list_(*, as_json: Json = False) -> None:
        """List the configured routes: what each takes and does."""
        configured = load_settings().routes
        if as_json:
            print_json(configured)
            return
        rows = [(route.label, route.on, _does(route), route.when or "") for route in configured]
        shown = table("route", "on", "does", "when", rows=rows)
        console.print(shown if rows else "There are no routes: `routes:` of perdure.yaml holds them.")

    @routes.command()
    def waiting(*, as_json: Json = False) -> None:
        """Show waiting starts and open runs of each route with flow control."""
        rows = run_command(_waiting())
        if as_json:
            for row in rows:
                console.out(json.dumps(row), highlight=False)
        else:
            shown = [(it["route"], str(it["waiting"]), str(it["collected"]), str(len(it["open"]))) for it in rows]
            console.print(table("route", "waiting", "in a batch to be", "open", rows=shown))


def _does(route: Route) -> str:
    if route.signal_with_start:
        return f"signals {route.signal_with_start.signal}, or starts {route.workflow}"
    return f"starts {route.workflow}" if route.workflow else f"signals {route.signal}"


async def _try(event: dict[str, Any]) -> list[dict[str, Any]]:
    ended = await run_own_program(_TRIAL, given=json.dumps(event).encode())
    if ended.code != 0:
        raise PerdureError(ended.errors.decode().strip())
    return [json.loads(line) for line in ended.output.splitlines()]


def _print(outcomes: list[dict[str, Any]], *, as_json: bool) -> None:
    for outcome in outcomes:
        if as_json:
            console.out(json.dumps(outcome), highlight=False)
            continue
        sign, style = ("✓", "green") if outcome["takes"] else ("✗", "red") if outcome["reason"] else ("·", "dim")
        why = f"dead letter, {outcome['reason']}: {outcome['why']}" if outcome["reason"] else outcome["why"]
        route = f"{outcome['route']}  " if outcome["route"] else ""
        line = Text.assemble((f"{sign} ", style), (printable(route), "bold"), printable(why))
        console.print(line, soft_wrap=True)
        if outcome["takes"]:
            console.print(f"    run {outcome['command']['workflow_id']}", soft_wrap=True, markup=False)
    if not as_json and not any(it["takes"] or it["reason"] for it in outcomes):
        console.print("No route takes it: it would be a dead letter, no_route.")


async def _waiting() -> list[dict[str, Any]]:
    names = {to_token(route.label) for route in load_settings().routes if route.flow or route.window}
    waiting, collected = Counter[str](), Counter[str]()
    async with open_bus() as bus:
        entries = NatsKeyValue(bus.js, "FLOW")
        for subject, count in {
            **await bus.count_by_subject("waiting.>"),
            **await bus.count_by_subject("latest.>"),
        }.items():
            _, stage, route, *_ = subject.split(".")
            (collected if stage == "batch" else waiting)[route] += count
        routes = sorted({*names, *waiting, *collected})
        known = {route: json.loads(await entries.get(route) or b"{}") for route in routes}
    return [
        {
            "route": from_token(route),
            "waiting": waiting[route],
            "collected": collected[route],
            "open": sorted(known[route].get("runs", {})),
        }
        for route in routes
    ]


def _header(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign:
        raise typer.BadParameter(f"{text} is no header: write name=value")
    return name, value

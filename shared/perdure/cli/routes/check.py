"""``perdure routes check``: tests an event against the routes."""

import json
from base64 import b64encode
from typing import Annotated, Any, Final

import typer
from rich.text import Text

from perdure.cli.client import Json, run_command
from perdure.cli.exit_codes import NO
from perdure.cli.json_argument import parse_json, read_text
from perdure.cli.output import console
from perdure.errors import PerdureError, WrongArgument
from perdure.values.event_type import type_problem
from perdure.values.printable import printable

__all__ = ["register"]

_TRIAL: Final = "perdure_ingest.dry_run"  # the command line imports no service: it runs it


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(epilog='Example: perdure routes check documents.submitted \'{"path": "contract.md"}\'')
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

        Exit code 1 if no route would take the event, or the routes themselves are wrong.
        """
        if problem := type_problem(type_):
            raise WrongArgument(problem)
        text = read_text(data)
        parse_json(text)
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


async def _try(event: dict[str, Any]) -> list[dict[str, Any]]:
    from perdure.local.own_program import run_own_program

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
        why = f"{outcome['verdict']}: {why}" if outcome["verdict"] else why
        route = f"{outcome['route']}  " if outcome["route"] else ""
        line = Text.assemble((f"{sign} ", style), (printable(route), "bold"), printable(why))
        console.print(line, soft_wrap=True)
        if outcome["takes"]:
            console.print(f"    run {outcome['command']['workflow_id']}", soft_wrap=True, markup=False)
    if as_json or any(it["takes"] or it["reason"] for it in outcomes):
        return
    if any(it["verdict"] for it in outcomes):
        console.print("No route takes it: no run would start, and it would be no dead letter.")
    else:
        console.print("No route names its type: it would be a dead letter, no_route.")


def _header(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign:
        raise typer.BadParameter(f"{text} is no header: write name=value")
    return name, value

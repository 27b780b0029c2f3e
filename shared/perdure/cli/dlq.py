"""``perdure dlq``: lists, shows, resends and drops dead letters."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Final, get_args

import typer

from perdure.cli.client import Json, open_bus, run_command
from perdure.cli.command_group import new_group
from perdure.cli.exit_codes import NO
from perdure.cli.output import console, local_time, table
from perdure.values.printable import indented, one_line

if TYPE_CHECKING:
    from pydantic import JsonValue

    from perdure.cli.dead_letters import Choice
    from perdure.contracts import DeadLetter

__all__ = ["register"]

_SHOWN: Final = 100  # characters of a detail in a list

Numbers = Annotated[list[int] | None, typer.Argument(help="Their numbers in `perdure dlq list`.")]
OfReason = Annotated[str | None, typer.Option("--reason", help="Only of this reason.")]
OfService = Annotated[str | None, typer.Option("--service", help="Only of this service.")]
OfAll = Annotated[bool, typer.Option("--all", help="All that the other options select.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print what would be done, and do nothing.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    dlq = new_group("List, show, resend and drop dead letters.")
    app.add_typer(dlq, name="dlq")

    @dlq.command("list", epilog="Example: perdure dlq list --reason bad_data")
    def list_(reason: OfReason = None, service: OfService = None, *, as_json: Json = False) -> None:
        """List dead letters, oldest first."""
        from perdure.cli.dead_letters import Choice

        dead_letters = run_command(_found(Choice((), _known(reason), service)))
        if as_json:
            _print_json(dead_letters)
            return
        rows = [
            (str(number), local_time(it.at), it.service, it.reason, it.original_subject, it.detail[:_SHOWN])
            for number, it in dead_letters.items()
        ]
        console.print(table("#", "at", "service", "reason", "subject", "detail", rows=rows))

    @dlq.command(epilog="Example: perdure dlq show 7")
    def show(
        number: Annotated[int, typer.Argument(help="As `perdure dlq list` shows it.")], *, as_json: Json = False
    ) -> None:
        """Show one dead letter: its reason, original headers and body."""
        from perdure.cli.dead_letters import Choice

        dead_letters = run_command(_found(Choice((number,))))
        if as_json:
            _print_json(dead_letters)
            return
        for dead_letter in dead_letters.values():
            console.print(
                f"[bold]{dead_letter.reason}[/], by {dead_letter.service} after {dead_letter.deliveries} deliveries"
            )
            console.print(indented(dead_letter.detail, "  "), soft_wrap=True, markup=False)
            console.print(
                f"{one_line(dead_letter.original_subject)} ({dead_letter.stream} {dead_letter.stream_sequence})",
                soft_wrap=True,
                markup=False,
            )
            for name, value in dead_letter.headers.items():
                console.print(f"  {one_line(name)}: {one_line(value)}", soft_wrap=True, markup=False)
            body = "(too large to repeat; it is in the stream)" if dead_letter.body is None else repr(dead_letter.body)
            console.print(body, soft_wrap=True, markup=False)

    @dlq.command(epilog="Example: perdure dlq resend --all --reason unknown_workflow --per-second 20")
    def resend(  # noqa: PLR0913 (each is a flag)
        numbers: Numbers = None,
        reason: OfReason = None,
        service: OfService = None,
        per_second: Annotated[float, typer.Option(min=0.1, help="At most so many a second.")] = 50.0,
        *,
        everything: OfAll = False,
        dry_run: DryRun = False,
        as_json: Json = False,
    ) -> None:
        """Resend dead letters to their original subjects, as the same events.

        A message whose run was started since is not resent: exit code 1.
        """
        choice = _chosen(numbers, reason, service, everything=everything)
        if not run_command(_resend(choice, 1 / per_second, dry_run=dry_run, as_json=as_json)):
            raise typer.Exit(NO)

    @dlq.command(epilog="Example: perdure dlq drop 7 8")
    def drop(  # noqa: PLR0913 (each is a flag)
        numbers: Numbers = None,
        reason: OfReason = None,
        service: OfService = None,
        *,
        everything: OfAll = False,
        dry_run: DryRun = False,
        as_json: Json = False,
    ) -> None:
        """Delete dead letters; the audit record keeps them."""
        choice = _chosen(numbers, reason, service, everything=everything)
        run_command(_drop(choice, dry_run=dry_run, as_json=as_json))


async def _found(choice: Choice) -> dict[int, DeadLetter]:
    from perdure.cli.dead_letters import find_dead_letters

    async with open_bus() as bus:
        return await find_dead_letters(bus, choice)


async def _resend(choice: Choice, pause: float, *, dry_run: bool, as_json: bool) -> bool:
    from perdure.cli.dead_letters import resend_dead_letters
    from perdure.config.loader import load_settings

    refused, routes = False, load_settings().routes
    async with open_bus() as bus:
        async for number, subject, against in resend_dead_letters(bus, choice, routes, pause=pause, dry_run=dry_run):
            refused |= against is not None
            goes = f"{'would go' if dry_run else 'went'} to {subject}"
            _report(
                f"{number} {goes if against is None else f'refused: {against}'}",
                {
                    "number": number,
                    "resent": against is None and not dry_run,
                    "subject": subject,
                    "refused": against,
                },
                as_json=as_json,
            )
    return not refused


async def _drop(choice: Choice, *, dry_run: bool, as_json: bool) -> None:
    from perdure.cli.dead_letters import drop_dead_letters

    async with open_bus() as bus:
        for number, dead_letter in (await drop_dead_letters(bus, choice, dry_run=dry_run)).items():
            _report(
                f"{number} {'would be dropped' if dry_run else 'dropped'}: {dead_letter.reason}",
                {"number": number, "dropped": not dry_run, "reason": dead_letter.reason},
                as_json=as_json,
            )


def _report(text: str, fields: dict[str, JsonValue], *, as_json: bool) -> None:
    if as_json:
        console.out(json.dumps(fields), highlight=False)
    else:
        console.print(one_line(text), soft_wrap=True, markup=False)


def _chosen(numbers: list[int] | None, reason: str | None, service: str | None, *, everything: bool) -> Choice:
    from perdure.cli.dead_letters import Choice

    if bool(numbers) == everything:
        raise typer.BadParameter("name them by number, or use --all")
    return Choice(numbers or (), _known(reason), service)


def _known(reason: str | None) -> str | None:
    from perdure.contracts import Reason

    if reason is not None and reason not in get_args(Reason):
        raise typer.BadParameter(f"there is no reason {reason}; there are: {', '.join(get_args(Reason))}")
    return reason


def _print_json(dead_letters: dict[int, DeadLetter]) -> None:
    for number, dead_letter in dead_letters.items():
        console.out(json.dumps({"number": number, **json.loads(dead_letter.model_dump_json())}), highlight=False)

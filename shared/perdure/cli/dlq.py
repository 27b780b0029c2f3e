"""``perdure dlq``: what could not be taken, why, and what becomes of it."""

import json
from typing import Annotated, Final, get_args

import typer

from perdure.cli.client import Json, open_bus, run
from perdure.cli.dead_letters import Choice, drop_dead_letters, find_dead_letters, resend_dead_letters
from perdure.cli.output import console, local_time, table
from perdure.contracts import DeadLetter, Reason

__all__ = ["register"]

_SHOWN: Final = 100  # characters of a detail in a list

Numbers = Annotated[list[int] | None, typer.Argument(help="The letters, as `perdure dlq list` numbers them.")]
OfReason = Annotated[str | None, typer.Option("--reason", help="Only letters of this reason.")]
OfService = Annotated[str | None, typer.Option("--service", help="Only letters of this service.")]
OfAll = Annotated[bool, typer.Option("--all", help="All letters that the other options leave.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    dlq = typer.Typer(no_args_is_help=True, help="Look after dead letters: list, show, replay, drop.")
    app.add_typer(dlq, name="dlq")

    @dlq.command("list", epilog="Example: perdure dlq list --reason bad_data")
    def list_(reason: OfReason = None, service: OfService = None, *, as_json: Json = False) -> None:
        """List dead letters, oldest first."""
        letters = run(_found(Choice((), _known(reason), service)))
        if as_json:
            _print_json(letters)
            return
        rows = [
            (str(number), local_time(it.at), it.service, it.reason, it.original_subject, it.detail[:_SHOWN])
            for number, it in letters.items()
        ]
        console.print(table("#", "at", "service", "reason", "was said on", "detail", rows=rows))

    @dlq.command(epilog="Example: perdure dlq show 7")
    def show(number: int, *, as_json: Json = False) -> None:
        """Show one dead letter whole: why, and the original headers and bytes."""
        letters = run(_found(Choice((number,))))
        if as_json:
            _print_json(letters)
            return
        for letter in letters.values():
            console.print(f"[bold]{letter.reason}[/], said by {letter.service} after {letter.deliveries} deliveries")
            console.print(letter.detail, soft_wrap=True, markup=False)
            console.print(
                f"{letter.original_subject} ({letter.stream} {letter.stream_sequence})", soft_wrap=True, markup=False
            )
            for name, value in letter.headers.items():
                console.print(f"  {name}: {value}", soft_wrap=True, markup=False)
            body = "(too large to repeat; it lies in the stream)" if letter.body is None else repr(letter.body)
            console.print(body, soft_wrap=True, markup=False)

    @dlq.command(epilog="Example: perdure dlq replay --all --reason unknown_workflow --per-second 20")
    def replay(  # noqa: PLR0913 (each is a flag)
        numbers: Numbers = None,
        reason: OfReason = None,
        service: OfService = None,
        per_second: Annotated[float, typer.Option(min=0.1, help="At most so many a second.")] = 50.0,
        *,
        everything: OfAll = False,
        dry_run: DryRun = False,
    ) -> None:
        """Say letters again where they were said, as the same events; each then leaves the dead letters.

        What did start meanwhile is refused: exit code 1.
        """
        choice = _chosen(numbers, reason, service, everything=everything)
        if not run(_replay(choice, 1 / per_second, dry_run=dry_run)):
            raise typer.Exit(1)

    @dlq.command(epilog="Example: perdure dlq drop 7 8")
    def drop(
        numbers: Numbers = None,
        reason: OfReason = None,
        service: OfService = None,
        *,
        everything: OfAll = False,
        dry_run: DryRun = False,
    ) -> None:
        """Take letters out; the audit service keeps its record of them."""
        run(_drop(_chosen(numbers, reason, service, everything=everything), dry_run=dry_run))


async def _found(choice: Choice) -> dict[int, DeadLetter]:
    async with open_bus() as bus:
        return await find_dead_letters(bus, choice)


async def _replay(choice: Choice, pause: float, *, dry_run: bool) -> bool:
    refused = False
    async with open_bus() as bus:
        async for place, letter, against in resend_dead_letters(bus, choice, pause=pause, dry_run=dry_run):
            refused |= against is not None
            goes = f"{'would go' if dry_run else 'went'} to {letter.original_subject}"
            console.print(f"{place} {goes if against is None else f'refused: {against}'}", soft_wrap=True, markup=False)
    return not refused


async def _drop(choice: Choice, *, dry_run: bool) -> None:
    async with open_bus() as bus:
        for place, letter in (await drop_dead_letters(bus, choice, dry_run=dry_run)).items():
            console.print(f"{place} {'would be dropped' if dry_run else 'dropped'}: {letter.reason}", soft_wrap=True)


def _chosen(numbers: list[int] | None, reason: str | None, service: str | None, *, everything: bool) -> Choice:
    if bool(numbers) == everything:
        raise typer.BadParameter("name the letters by number, or say --all")
    return Choice(numbers or (), _known(reason), service)


def _known(reason: str | None) -> str | None:
    if reason is not None and reason not in get_args(Reason):
        raise typer.BadParameter(f"there is no reason {reason}; there are: {', '.join(get_args(Reason))}")
    return reason


def _print_json(letters: dict[int, DeadLetter]) -> None:
    for number, letter in letters.items():
        console.out(json.dumps({"number": number, **json.loads(letter.model_dump_json())}), highlight=False)

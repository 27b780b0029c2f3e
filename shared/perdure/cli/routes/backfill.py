"""``perdure routes backfill``: takes stored events through a new or mended route."""

from __future__ import annotations

from contextlib import aclosing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from perdure.cli.client import Json, open_bus, run_command
from perdure.cli.completion import complete_route
from perdure.cli.exit_codes import NO
from perdure.cli.times import Until, read_time

if TYPE_CHECKING:
    from perdure.values.rate import Rate

__all__ = ["register"]

_EPILOG: Final = """Exit codes: 0 done; 1 an event was refused or is gone, or the routes changed; 4 no such route;
75 ingest does not answer; 130 Ctrl-C. After 75 and 130 the same command goes on where it ended.

Example: perdure routes backfill Invoice --since 7d --dry-run

perdure routes backfill Invoice --since 2026-11-21 --until 2026-11-28 --rate 100/m"""


def read_rate(text: str) -> Rate:
    """Read a rate such as ``10/s``.

    Raises:
        typer.BadParameter: The text is none.
    """
    from perdure.values.rate import Rate

    try:
        return Rate.model_validate(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is no rate: write 10/s, 100/m or 5/30s") from error


RouteName = Annotated[
    str,
    typer.Argument(
        metavar="ROUTE",
        help="Its name in `perdure routes list`.",
        show_default=False,
        autocompletion=complete_route,
    ),
]
SinceThen = Annotated[
    datetime, typer.Option("--since", parser=read_time, metavar="TIME", help="From this time on: 7d (ago), 2026-11-28.")
]
AtRate = Annotated[object, typer.Option("--rate", parser=read_rate, metavar="RATE", help="Take at most so many.")]
Limit = Annotated[int | None, typer.Option("--limit", min=1, help="End after so many events were taken.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print what each event would become; do nothing.")]


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(epilog=_EPILOG)
    def backfill(  # noqa: PLR0913 (each is a flag)
        route: RouteName,
        since: SinceThen,
        until: Until = None,
        rate: AtRate = "10/s",
        limit: Limit = None,
        *,
        dry_run: DryRun = False,
        as_json: Json = False,
    ) -> None:
        """Take stored events through one route, each at most once.

        Ingest judges each event by this route alone, oldest first; other routes do not see it. An event is left alone
        if the route had a run or signal of it before. The route's flow control holds. ADMIN records the backfill.
        """
        planned = {"since": since, "until": until or datetime.now(UTC), "rate": rate, "limit": limit}
        if not run_command(_backfill(route, planned, dry_run=dry_run, as_json=as_json)):
            raise typer.Exit(NO)


async def _backfill(route: str, options: dict[str, Any], *, dry_run: bool, as_json: bool) -> bool:
    from perdure.cli.backfill import Backfill
    from perdure.cli.backfill_tally import BackfillTally
    from perdure.local.approver import login_name

    async with open_bus() as bus:
        plan = await Backfill.plan(bus, route, by=login_name(), dry_run=dry_run, **options)
        tally = BackfillTally(plan, as_json=as_json)
        tally.print_start()
        try:
            async with aclosing(plan.run()) as events:
                async for event in events:
                    tally.add(event)
        finally:
            tally.print_end()
        return tally.is_clean

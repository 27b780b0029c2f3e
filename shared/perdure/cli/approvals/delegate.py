"""``perdure approvals delegate``: sets who votes for somebody who is away."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from perdure.cli.approvers.options import File
from perdure.cli.output import console, local_day
from perdure.errors import NotFound

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(epilog="Example: perdure approvals delegate ada --to bob --until 2027-01-07")
    def delegate(
        name: Annotated[str, typer.Argument(help="The person who is away.", show_default=False)],
        to: Annotated[list[str] | None, typer.Option(help="A delegate; may be repeated.")] = None,
        until: Annotated[datetime | None, typer.Option(help="Until when (local time); else until --back.")] = None,
        file: File = None,
        *,
        back: Annotated[bool, typer.Option("--back", help="They are back.")] = False,
    ) -> None:
        """Set who votes for somebody who is away, from now on."""
        from perdure.approvers import Away
        from perdure.cli.admin_acts import change_of, record_change
        from perdure.cli.approvers.file import approvers_file

        if back == bool(to):
            raise typer.BadParameter("name a delegate with --to, or use --back")
        if name in (to or ()):
            raise typer.BadParameter(f"{name} cannot vote for {name}: name somebody else with --to")
        end, now = until and until.astimezone(UTC), datetime.now(UTC).replace(microsecond=0)
        if end and end <= now:
            raise typer.BadParameter(f"{local_day(end)} is past: name a later day with --until")
        approvers = approvers_file(file)
        with approvers.changing() as (known, changed):
            for who in (name, *(to or ())):
                if who not in known.approvers:
                    raise NotFound(f"{approvers.path} does not know {who}: see `perdure approvers list`.")
            away = Away(to=tuple(to), since=now, until=end) if to else None
            person = known.approvers[name].model_copy(update={"away": away})
            changed.append(known.model_copy(update={"approvers": {**known.approvers, name: person}}))
        how_long = f" until {local_day(end)}" if end else ""
        console.print(f"{', '.join(to)} may vote for {name}{how_long}." if to else f"{name} votes again.")
        act = "delegated" if to else "returned"
        record_change(
            approvers,
            change_of(approvers, act=act, approver=name, roles=person.roles, delegates=to or (), until=end),
        )

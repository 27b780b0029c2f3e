"""``perdure runs list``: runs with their latest progress, newest first."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Final

import typer

from perdure.cli.client import Json, open_bus, run_command
from perdure.cli.output import console, local_day, print_json, table
from perdure.cli.states import read_state
from perdure.cli.times import Since, Until
from perdure.runtime.stderr import print_error
from perdure.values.progress_kind import ENDINGS
from perdure.values.short_code import run_word

if TYPE_CHECKING:
    from perdure.bus.views.run_list import RunFilter, RunPage

__all__ = ["register"]

_STATE_HELP: Final = f"Only runs in this state: open, {', '.join(sorted(ENDINGS))}."


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("list", epilog="Example: perdure runs list --workflow Order --state failed --since 2h")
    def list_(  # noqa: PLR0913, PLR0917 (each is a flag)
        workflow: Annotated[str | None, typer.Option(help="Only runs of this workflow.")] = None,
        state: Annotated[str | None, typer.Option(help=_STATE_HELP, callback=read_state)] = None,
        event: Annotated[str | None, typer.Option(help="Only runs that this event started.")] = None,
        key: Annotated[str | None, typer.Option(help="Only runs with this value of their route's flow.key.")] = None,
        since: Since = None,
        until: Until = None,
        limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=10_000, help="At most so many.")] = 50,
        before: Annotated[int | None, typer.Option(help="The next page, as the last one names it.")] = None,
        *,
        open_only: Annotated[bool, typer.Option("--open", help="Short for --state open.")] = False,
        as_json: Json = False,
    ) -> None:
        """List runs with their latest progress, newest first."""
        from perdure.bus.views.run_list import RunFilter

        selection = RunFilter(
            workflow=workflow,
            state="open" if open_only else state,  # type: ignore[arg-type]  # checked by read_state
            event=event,
            key=key,
            since=since,
            until=until,
            limit=limit,
            before=before,
        )
        page = run_command(_list(selection))
        if as_json:
            print_json(page.runs)
        else:
            rows = [
                (run_word(it.workflow_id), it.workflow, it.kind, it.step or "", local_day(it.at)) for it in page.runs
            ]
            shown = table("run", "workflow", "state", "step", "since", rows=rows)
            console.print(shown if rows else "There are no such runs.")
        if page.next is not None:
            print_error(_next(page.next, as_json=as_json))


async def _list(selection: RunFilter) -> RunPage:
    from perdure.bus.views.run_list import list_runs

    async with open_bus() as bus:
        return await list_runs(bus, selection)


def _next(position: int, *, as_json: bool) -> str:
    return json.dumps({"next": position}) if as_json else f"There are more: the same with --before {position}"

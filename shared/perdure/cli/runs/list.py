"""``perdure runs list``: runs with their latest progress, newest first."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Final

import typer

from perdure.cli.client import Json, open_bus, run_command
from perdure.cli.output import console, local_day, table
from perdure.cli.states import read_run_state
from perdure.cli.stuck_text import stuck_notice
from perdure.cli.times import Since, Until
from perdure.runtime.stderr import print_error
from perdure.values.progress_kind import ENDINGS
from perdure.values.short_code import run_word

if TYPE_CHECKING:
    from perdure.bus.views.run_list import RunFilter, RunPage
    from perdure.contracts import Progress
    from perdure.contracts.runs import StuckRun

__all__ = ["register"]

_STATE_HELP: Final = f"Only runs in this state: open, stuck, {', '.join(sorted(ENDINGS))}."


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("list", epilog="Example: perdure runs list --workflow Order --state failed --since 2h")
    def list_(  # noqa: PLR0913, PLR0917 (each is a flag)
        workflow: Annotated[str | None, typer.Option(help="Only runs of this workflow.")] = None,
        state: Annotated[str | None, typer.Option(help=_STATE_HELP, callback=read_run_state)] = None,
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
            state="open" if open_only else state,  # type: ignore[arg-type]  # checked by read_run_state
            event=event,
            key=key,
            since=since,
            until=until,
            limit=limit,
            before=before,
        )
        page, stuck = run_command(_list(selection))
        if as_json:
            for it in page.runs:
                console.out(_line(it, stuck.get(it.run_id)), highlight=False)
        else:
            rows = [
                (
                    run_word(it.workflow_id),
                    it.workflow,
                    "stuck" if it.run_id in stuck else it.kind,
                    it.step or "",
                    local_day(it.at),
                )
                for it in page.runs
            ]
            shown = table("run", "workflow", "state", "step", "since", rows=rows)
            console.print(shown if rows else "There are no such runs.")
            for run in stuck.values():
                print_error(stuck_notice(run.workflow_id, run.error))
        if page.next is not None:
            print_error(_next(page.next, as_json=as_json))


async def _list(selection: RunFilter) -> tuple[RunPage, dict[str, StuckRun]]:
    """Return a page of runs, and by run id those of them that wait for mended code."""
    from perdure.bus.views.run_list import list_runs
    from perdure.bus.views.stuck_runs import stuck_runs

    async with open_bus() as bus:
        page = await list_runs(bus, selection)
        shown = {fact.run_id for fact in page.runs if fact.kind not in ENDINGS}
        waiting = await stuck_runs(bus) if shown else []
        return page, {run.run_id: run for run in waiting if run.run_id in shown}


def _line(fact: Progress, stuck: StuckRun | None) -> str:
    """Return a run as JSON; ``stuck`` is why it waits for mended code."""
    line = fact.model_dump(mode="json")
    return json.dumps(line if stuck is None else {**line, "stuck": stuck.error}, ensure_ascii=False)


def _next(position: int, *, as_json: bool) -> str:
    return json.dumps({"next": position}) if as_json else f"There are more: the same with --before {position}"

"""``perdure runs cancel``, ``terminate``, ``pause``, ``resume``, ``retry``, ``rerun``: acts on one run or on many."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from perdure.cli.client import Json, open_bus, run_command
from perdure.cli.json_argument import parse_json, read_text
from perdure.cli.output import console, print_json, progress_line
from perdure.cli.runs.acting import ActChoice, ActId, DryRun, ManyRuns, OneRun, Reason, Yes, act_on_runs
from perdure.cli.runs.held import cancel_held

if TYPE_CHECKING:
    from perdure.contracts.run_acts import RunAct

__all__ = ["register"]

_CODES: Final = (
    "Exit codes: 0 done, or it was so before; 1 refused; 4 no such run; 75 not reached: the same with --act goes on."
)
_TERMINATE: Final = 'perdure runs terminate Order~42 --reason "its code cannot end"'
_TERMINATE_HELP: Final = """End runs at once: they undo nothing.

Their code does not see it: for runs that cannot be cancelled."""
_PAUSE: Final = 'perdure runs pause Order~42 --reason "the bank asks"'
_PAUSE_HELP: Final = """Let runs begin no step; those that run now end.

What comes for them meanwhile, such as decisions and signals, is kept. `perdure pause` stops the whole suite."""


def _epilog(example: str) -> str:
    return f"{_CODES}\n\nExample: {example}"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    _register_cancel(app)
    _register_plain(app, "terminate", example=_TERMINATE, help_=_TERMINATE_HELP)
    _register_plain(app, "pause", example=_PAUSE, help_=_PAUSE_HELP)
    _register_plain(app, "resume", example="perdure runs resume Order~42", help_="Let paused runs go on.")
    _register_repeats(app)


def _register_cancel(app: typer.Typer) -> None:
    @app.command(epilog=_epilog("""perdure runs cancel --where 'CustomerId = "ACME"' --reason "left us" """.rstrip()))
    def cancel(  # noqa: PLR0913 (each is a flag)
        run: OneRun = None,
        where: ManyRuns = None,
        reason: Reason = "",
        act: ActId = None,
        *,
        wait: Annotated[bool, typer.Option("--wait", help="Wait until the run has ended.")] = False,
        dry_run: DryRun = False,
        yes: Yes = False,
        as_json: Json = False,
    ) -> None:
        """Cancel runs, which undo their steps and end, or a start that is held."""
        if wait and run is None:
            raise typer.BadParameter("--wait waits for one RUN")
        choice = ActChoice(run, where, reason, act, dry_run=dry_run, yes=yes, as_json=as_json)
        act_on_runs("cancel", choice, lambda acts, target: acts.act("cancel", target), not_begun=cancel_held)
        if wait and run is not None and not dry_run:
            run_command(_print_ending(run, as_json=as_json))


def _register_plain(app: typer.Typer, act: RunAct, *, example: str, help_: str) -> None:
    """Add the command of an act that has no options of its own."""

    @app.command(act, help=help_, epilog=_epilog(example))
    def command(  # noqa: PLR0913 (each is a flag)
        run: OneRun = None,
        where: ManyRuns = None,
        reason: Reason = "",
        act_id: ActId = None,
        *,
        dry_run: DryRun = False,
        yes: Yes = False,
        as_json: Json = False,
    ) -> None:
        choice = ActChoice(run, where, reason, act_id, dry_run=dry_run, yes=yes, as_json=as_json)
        act_on_runs(act, choice, lambda acts, target: acts.act(act, target))


def _register_repeats(app: typer.Typer) -> None:
    @app.command(epilog=_epilog("""perdure runs retry --where 'ExecutionStatus = "Failed"' --reason "new key" --yes"""))
    def retry(  # noqa: PLR0913 (each is a flag)
        run: OneRun = None,
        where: ManyRuns = None,
        reason: Reason = "",
        act: ActId = None,
        *,
        force: Annotated[
            bool, typer.Option("--force", help="Also if steps followed, or a tool's effect is unknown.")
        ] = False,
        dry_run: DryRun = False,
        yes: Yes = False,
        as_json: Json = False,
    ) -> None:
        """Let failed runs go on at the step that failed.

        What they did before is not done again, and tools get the idempotency keys of before. Two things are put to you:
        a run that completed steps after the one that failed, such as undos, and a tool call of which nobody knows
        whether it took effect. Both are refused without --force.
        """
        choice = ActChoice(run, where, reason, act, dry_run=dry_run, yes=yes, as_json=as_json)
        act_on_runs("retry", choice, lambda acts, target: acts.act("retry", target, force=force))

    @app.command(
        epilog=_epilog("""perdure runs rerun Order~42 --input '{"order": 42}' --reason "wrong amount" """.rstrip())
    )
    def rerun(  # noqa: PLR0913 (each is a flag)
        run: OneRun = None,
        where: ManyRuns = None,
        given: Annotated[
            str | None, typer.Option("--input", metavar="JSON", help="Another input; - reads it from standard input.")
        ] = None,
        reason: Reason = "",
        act: ActId = None,
        *,
        dry_run: DryRun = False,
        yes: Yes = False,
        as_json: Json = False,
    ) -> None:
        """Start runs anew, under other ids.

        All their steps run again, with idempotency keys of their own, within the limits of the route.
        """
        input_ = None if given is None else (parse_json(read_text(given)),)
        choice = ActChoice(run, where, reason, act, dry_run=dry_run, yes=yes, as_json=as_json)
        act_on_runs("rerun", choice, lambda acts, target: acts.act("rerun", target, input=input_))


async def _print_ending(run: str, *, as_json: bool) -> None:
    from perdure.bus.views.run_index import follow_progress
    from perdure.bus.views.run_lookup import find_run

    async with open_bus() as bus:
        facts = [fact async for fact in follow_progress(bus, await find_run(bus, run), replay=True)]
    if as_json:
        print_json(facts[-1:])
    else:
        console.print(progress_line(facts[-1]))

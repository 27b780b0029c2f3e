"""Prints the course of a rollout."""

from perdure.cli.output import console, plain
from perdure.values.rollout import (
    Finished,
    Gated,
    Moved,
    NotRunning,
    Promoted,
    Retired,
    RolloutEvent,
    RolloutRefused,
    Stays,
)

__all__ = ["show_rollout", "show_rollout_json"]


def show_rollout(event: RolloutEvent) -> None:
    """Print a line for a step of a rollout."""
    mark, text = _line(event)
    console.print(f"{mark} ", end="", soft_wrap=True)
    console.print(plain(text), soft_wrap=True)


def show_rollout_json(event: RolloutEvent) -> None:
    """Print a step as one JSON object, on a line of its own."""
    console.out(event.model_dump_json(), highlight=False)


def _line(event: RolloutEvent) -> tuple[str, str]:
    """Return the mark of a line, and its text."""
    mark = "[green]✓[/]"
    match event:
        case Gated(build=build, runs=runs, differ=differ):
            mark, text = "[yellow]▶[/]", f"version {build}: {runs - differ} of {_runs(runs)} replay"
        case Promoted(build=build, before=before):
            text = f"version {build} is current{f', after {before}' if before else ''}: new runs start on it"
        case Moved(run=run, before=before):
            text = f"{run} moved from {before or 'no version'}"
        case Stays(run=run, build=build, line=line, why=why):
            where = f"stays on {build}" if build else "waits for code that fits"
            mark, text = "[yellow]![/]", f"{run} {where}: {f'{line}: ' if line else ''}{why}"
        case NotRunning(build=build, runs=runs, why=why):
            mark, text = "[red]✗[/]", f"version {build} does not run, and {_runs(runs)} wait for it: {why}"
        case Finished(build=build, moved=moved, stays=stays, dry_run=True):
            text = f"nothing was changed: {_runs(moved)} would move to {build}, {stays} would stay"
        case Finished(build=build, moved=moved, stays=stays):
            text = f"version {build} is rolled out: {_runs(moved)} moved, {stays} stay where they are"
        case RolloutRefused(why=why):
            mark, text = "[red]✗[/]", why
        case Retired(build=build):
            mark, text = "[dim]■[/]", f"version {build} has no open run any more, and was stopped"
    return mark, text


def _runs(count: int) -> str:
    return f"{count} open run{'' if count == 1 else 's'}"

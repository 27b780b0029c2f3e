"""Prints the course of a rollout."""

from typing import Final

from perdure.cli.output import console, plain
from perdure.values.rollout import (
    FilesLeftOut,
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

_ABOUT_LEFT_OUT: Final = (
    "The version reads them as they are then, also beside newer code. If no workflow reads them, move them out of the "
    "project or into a folder whose name begins with a dot."
)


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
        case FilesLeftOut(build=build, why=why):
            mark, text = "[yellow]![/]", f"version {build}: {why}. {_ABOUT_LEFT_OUT}"
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
        case Finished():
            text = _finished(event)
        case RolloutRefused(why=why):
            mark, text = "[red]✗[/]", why
        case Retired(build=build):
            mark, text = "[dim]■[/]", f"version {build} has no open run any more, and was stopped"
    return mark, text


def _finished(event: Finished) -> str:
    if event.dry_run:
        return f"nothing was changed: {_runs(event.moved)} would move to {event.build}, {event.stays} would stay"
    return f"version {event.build} is rolled out: {_runs(event.moved)} moved, {event.stays} stay where they are"


def _runs(count: int) -> str:
    return f"{count} open run{'' if count == 1 else 's'}"

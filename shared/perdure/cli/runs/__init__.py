"""``perdure runs``: find, follow, signal, update, query, pause, cancel and repeat runs."""

from typing import Final

import typer

from perdure.cli.command_group import OnSuite, new_group

__all__ = ["register"]

_COMMANDS: Final = {
    "list": OnSuite(f"{__name__}.list", "List runs with their latest progress, newest first."),
    "show": OnSuite(f"{__name__}.show", "Show a run: progress, votes, alerts, usage and Temporal's view."),
    "watch": OnSuite(f"{__name__}.watch", "Show progress live; of one run, until it ends."),
    "result": OnSuite(f"{__name__}.result", "Print the result of a run as JSON; with --json, its last fact."),
    "history": OnSuite(f"{__name__}.history", "Print a run's history as JSON, decrypted, for Temporal's replayers."),
    "trace": OnSuite(f"{__name__}.trace", "Draw the trace of a run of `perdure up`, from publisher to notice."),
    "signal": OnSuite(f"{__name__}.signal", "Send a signal to runs; each receives it once."),
    "update": OnSuite(f"{__name__}.update", "Send an update to a run, and print what its handler returns."),
    "query": OnSuite(f"{__name__}.query", "Query a run, and print the answer as JSON."),
    "cancel": OnSuite(
        f"{__name__}.acts",
        "Cancel runs, which undo their steps and end, or a start that is held.",
    ),
    "terminate": OnSuite(f"{__name__}.acts", "End runs at once: they undo nothing."),
    "pause": OnSuite(f"{__name__}.acts", "Let runs begin no step; those that run now end."),
    "resume": OnSuite(f"{__name__}.acts", "Let paused runs go on."),
    "retry": OnSuite(f"{__name__}.acts", "Let failed runs go on at the step that failed."),
    "rerun": OnSuite(f"{__name__}.acts", "Start runs anew, under other ids."),
}


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = new_group("Find, follow, signal, update, query, pause, cancel and repeat runs.", _COMMANDS)
    app.add_typer(group, name="runs")

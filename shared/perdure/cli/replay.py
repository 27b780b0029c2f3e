"""``perdure replay``: whether the code that lies here goes on with the runs that others have begun."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.text import Text

from perdure.cli.answer_errors import answer_error
from perdure.cli.client import Json
from perdure.cli.exit_codes import NO
from perdure.cli.output import cell, console, print_json
from perdure.cli.times import Since
from perdure.config.project import project_folder
from perdure.errors import PerdureError, WrongArgument
from perdure.runtime.stderr import show_progress
from perdure.values.printable import one_line
from perdure.values.short_code import run_word

if TYPE_CHECKING:
    from perdure.values.replay import ReplayMessage, ReplayRequest, ReplaySummary, RunReplay

__all__ = ["register"]

_PROGRAM: Final = "perdure_orchestrator.replay"
_OF_THE_PAST: Final = 20  # runs of each workflow and version: of what has ended, more rarely show more
_EXIT_CODES: Final = (
    "Exit codes: 0 all replay, 1 some do not or the code does not load, 4 there is no history to replay."
)


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(epilog=_EXIT_CODES)
    def replay(  # noqa: PLR0913 (each is a flag)
        folder: Annotated[
            Path | None, typer.Argument(help="Histories of `perdure runs history`; by default, --open.", metavar="DIR")
        ] = None,
        since: Since = None,
        workflow: Annotated[str | None, typer.Option(help="Only runs of this workflow.")] = None,
        sample: Annotated[
            int | None, typer.Option(min=1, help=f"At most so many a workflow and version; --since has {_OF_THE_PAST}.")
        ] = None,
        *,
        open_only: Annotated[bool, typer.Option("--open", help="All open runs.")] = False,
        as_json: Json = False,
    ) -> None:
        """Replay runs against the code that lies here, and name what differs.

        Nothing is published, stored or called. Large payloads are read from NATS.
        """
        from perdure.values.replay import ReplayRequest

        if (folder is not None) + (since is not None) + open_only > 1:
            raise WrongArgument("Name one source of histories: --open, --since TIME or DIR.")
        source = "folder" if folder else "since" if since else "open"
        most = sample or (_OF_THE_PAST if since else None)
        request = ReplayRequest(
            source=source,
            since=since,
            folder=folder.absolute() if folder else None,
            workflow=workflow,
            sample=most,
        )
        summary = _replay(request, as_json=as_json)
        if summary.differ:
            raise typer.Exit(NO)


def _replay(request: ReplayRequest, *, as_json: bool) -> ReplaySummary:
    """Print each run that does not replay, or as JSON each run, and the summary.

    Raises:
        PerdureError: The histories cannot be replayed.
    """
    for message in _messages(request):
        show_progress("")
        if message.error is not None:
            raise answer_error(message.kind or "wrong", message.error)
        if message.run is not None:
            _print_run(message.run, as_json=as_json)
        if message.progress is not None:
            show_progress(f"{message.progress.done:,} of {message.progress.of:,} runs")
        if message.summary is not None:
            _print_summary(message.summary, as_json=as_json)
            return message.summary
    raise PerdureError("The replay has ended without a result: its process was killed, or the machine lacks memory.")


def _messages(request: ReplayRequest) -> Iterator[ReplayMessage]:
    from perdure.values.replay import ReplayMessage

    command = [sys.executable, "-m", _PROGRAM, request.model_dump_json()]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=project_folder()) as process:  # noqa: S603
        for line in process.stdout or ():
            yield ReplayMessage.model_validate_json(line)


def _print_run(run: RunReplay, *, as_json: bool) -> None:
    if as_json:
        print_json([run])
    elif not run.replays:
        text = Text.assemble(
            ("✗ ", "red"), cell(run_word(run.run)), f" ({one_line(run.workflow)}): ", cell(run.sentence)
        )
        console.print(text, soft_wrap=True)


def _print_summary(summary: ReplaySummary, *, as_json: bool) -> None:
    if as_json:
        console.out(json.dumps({"summary": summary.model_dump()}, ensure_ascii=False), highlight=False)
        return
    for group in summary.sample:
        version = f", version {group.build}" if group.build else ""
        console.print(cell(f"{group.workflow}{version}: {group.replayed:,} of {group.of:,} runs"), soft_wrap=True)
    differ = f" {summary.differ:,} do not." if summary.differ else ""
    console.print(f"{summary.replay:,} of {summary.runs:,} runs replay against this code.{differ}", markup=False)

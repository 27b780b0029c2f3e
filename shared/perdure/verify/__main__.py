"""The command line of the verifier: ``python -m perdure.verify``, or ``perdure admin check``."""

import asyncio
import time
from datetime import timedelta
from pathlib import Path

import typer
from rich.console import Console

from perdure.config.loader import load_settings
from perdure.errors import PerdureError, SetupError
from perdure.runtime.exit import exit_process
from perdure.runtime.stderr import print_error
from perdure.values.duration import parse_duration
from perdure.verify.deleted import DeletedStream, read_deleted
from perdure.verify.expectation import read_expected
from perdure.verify.judgement import Comparison
from perdure.verify.options import AsJson, Deleted, Ended, Events, RunsPerEvent, Within
from perdure.verify.records import Expected
from perdure.verify.report import show_json, show_report
from perdure.verify.settling import wait_for_comparison
from perdure.verify.sources import open_sources

_app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@_app.command(epilog="Exit codes: 0 all checks passed, 1 something is violated, 2 wrong usage.")
def _verify(  # noqa: PLR0913 (each is a flag)
    events: Events = None,
    runs_per_event: RunsPerEvent = 1,
    within: Within = "30s",
    deleted: Deleted = None,
    *,
    ended: Ended = False,
    as_json: AsJson = False,
) -> None:
    """Check that each event became what its verdict says.

    That is a run for each route that takes it, a dead letter, or nothing. An open run is counted, and checked as far as
    it got. Progress and audit records must be complete. Reads JetStream, Temporal and the audit database directly,
    without the services.
    """
    expected, limit = _expected(events), _duration(within)
    gone = [] if deleted is None else read_deleted(deleted)
    comparison = asyncio.run(_comparison(expected, runs_per_event, limit, gone, ended=ended))
    (show_json if as_json else show_report)(comparison)
    raise typer.Exit(1 if comparison.violations else 0)


async def _comparison(
    expected: list[Expected] | None,
    runs_per_event: int,
    within: timedelta,
    deleted: list[DeletedStream],
    *,
    ended: bool,
) -> Comparison:
    seconds = within.total_seconds()
    deadline = time.monotonic() + seconds
    console = Console(stderr=True)
    with console.status("Checking") as status:

        def update(comparison: Comparison) -> None:
            remaining = f"{deadline - time.monotonic():.0f} s left"
            status.update(
                f"{len(comparison.violations)} not settled of {sum(comparison.checked.values())}; {remaining}"
            )

        async with open_sources(load_settings(), within=max(seconds, 1.0)) as sources:
            for stream in deleted:
                sources.streams.add_deleted(stream)
            return await wait_for_comparison(
                sources, expected, runs_per_event=runs_per_event, ended=ended, deadline=deadline, on_comparison=update
            )


def _expected(file: Path | None) -> list[Expected] | None:
    try:
        return None if file is None else read_expected(file)
    except SetupError as error:
        raise typer.BadParameter(str(error), param_hint="--events") from error


def _duration(text: str) -> timedelta:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--within") from error


def _main() -> object:
    try:
        _app(prog_name="perdure admin check")
    except SystemExit as exit_:
        return exit_.code
    except PerdureError as error:
        print_error(f"perdure: {error}")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    exit_process(_main())

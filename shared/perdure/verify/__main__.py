"""Runs the verifier: ``python -m perdure.verify``, which ``perdure verify`` does too."""

import asyncio
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from perdure.config.loader import load_settings
from perdure.errors import PerdureError, SetupError
from perdure.runtime.exit import exit_process
from perdure.values.duration import parse_duration
from perdure.verify.expectation import read_expected
from perdure.verify.judgement import Verdict
from perdure.verify.records import Expected
from perdure.verify.report import show, show_json
from perdure.verify.settling import settled
from perdure.verify.sources import open_sources

_app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@_app.command(epilog="Exit codes: 0 all of it holds, 1 something is violated, 2 called wrongly.")
def _verify(
    events: Annotated[
        Path | None, typer.Option(help='Which events: a file of lines {"id": …, "type": …}; else all in EVENTS.')
    ] = None,
    runs_per_event: Annotated[int, typer.Option(min=1, help="How many routes an event matches.")] = 1,
    within: Annotated[str, typer.Option(help="How long to wait until all is settled, as 30s or 2m.")] = "30s",
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, one object a line.")] = False,
) -> None:
    """Check from outside that every event became exactly one run or one dead letter, and was told and recorded.

    Reads JetStream, Temporal and the audit database themselves; no service is asked.
    """
    expected, bound = _expected(events), _duration(within)
    verdict = asyncio.run(_settled(expected, runs_per_event, bound))
    (show_json if as_json else show)(verdict)
    raise typer.Exit(1 if verdict.violations else 0)


async def _settled(expected: list[Expected] | None, runs_per_event: int, within: timedelta) -> Verdict:
    seconds = within.total_seconds()
    deadline = time.monotonic() + seconds
    console = Console(stderr=True)
    with console.status("Looking") as status:

        def tell(verdict: Verdict) -> None:
            left = f"{deadline - time.monotonic():.0f} s left"
            status.update(f"{len(verdict.violations)} not settled of {sum(verdict.looked_at.values())}; {left}")

        async with open_sources(load_settings(), within=max(seconds, 1.0)) as sources:
            return await settled(sources, expected, runs_per_event=runs_per_event, deadline=deadline, tell=tell)


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
        _app(prog_name="perdure verify")
    except SystemExit as ending:
        return ending.code
    except PerdureError as error:
        print(f"perdure: {error}", file=sys.stderr)  # noqa: T201 (the command line speaks)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    exit_process(_main())

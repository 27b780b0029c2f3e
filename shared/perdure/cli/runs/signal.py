"""``perdure runs signal``: sends a signal over the bus, to one run or to many, recorded as any act on runs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from perdure.cli.client import Json
from perdure.cli.completion import complete_run
from perdure.cli.json_argument import parse_json, read_text
from perdure.cli.runs.acting import ActChoice, ActId, DryRun, ManyRuns, Reason, Yes, act_on_runs
from perdure.errors import NotFound
from perdure.values.reserved import is_reserved, reserved_text

if TYPE_CHECKING:
    from perdure.bus.views.run_lookup import RunNotBegun
    from perdure.client.run_acts import RunActs, Target
    from perdure.contracts.run_acts import RunActReply

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(
        epilog="Exit codes: 0 sent, 3 its run has not begun, 4 no such run. "
        'Example: perdure runs signal content-42 approve \'{"reviewer": "ann"}\'\n\n'
        'perdure runs signal --where \'CustomerId = "ACME"\' stop --reason "left us"'
    )
    def signal(  # noqa: PLR0913 (each is a flag)
        words: Annotated[
            list[str],
            typer.Argument(
                metavar="[RUN] NAME [ARGUMENT]",
                help="The run, unless --where finds them; the signal; its argument, JSON, or - for standard input.",
                show_default=False,
                autocompletion=complete_run,
            ),
        ],
        where: ManyRuns = None,
        reason: Reason = "",
        act: ActId = None,
        *,
        early: Annotated[bool, typer.Option("--early", help="Send it though no run of this id is known yet.")] = False,
        dry_run: DryRun = False,
        yes: Yes = False,
        as_json: Json = False,
    ) -> None:
        """Send a signal to runs; each receives it once."""
        run, name, body = _read(words, is_many=where is not None)
        choice = ActChoice(run, where, reason, act, dry_run=dry_run, yes=yes, as_json=as_json)

        async def not_begun(acts: RunActs, text: str, error: NotFound | RunNotBegun) -> RunActReply:
            return await acts.signal(_planned(text, error, early=early), name, body)

        act_on_runs("signal", choice, lambda acts, target: acts.signal(target, name, body), not_begun=not_begun)


def _read(words: list[str], *, is_many: bool) -> tuple[str | None, str, bytes]:
    """Return the run, None for many, the name of the signal, and its body."""
    rest = words if is_many else words[1:]
    if not 1 <= len(rest) <= 2:  # noqa: PLR2004 (the name, and an argument)
        raise typer.BadParameter("write [RUN] NAME [ARGUMENT]: the run, unless --where finds them, then the signal")
    if is_reserved(rest[0]):
        raise typer.BadParameter(reserved_text("signal", rest[0]))
    body = b"" if len(rest) == 1 else json.dumps(parse_json(read_text(rest[1]))).encode()
    return None if is_many else words[0], rest[0], body


def _planned(text: str, error: NotFound | RunNotBegun, *, early: bool) -> Target:
    """Return the run that has not begun; a dead letter follows if it does not begin in time.

    Raises:
        NotFound: No run is known, and the signal shall not come early.
        RunNotBegun: As before, or it is not known which run begins.
    """
    from perdure.bus.views.run_lookup import RunNotBegun
    from perdure.client.run_acts import Target

    planned = error.run if isinstance(error, RunNotBegun) else text
    if planned is None:
        raise error
    if not early:
        raise type(error)(
            f"{error} A signal may come before its run: with --early it is sent to {planned}, and waits there."
        ) from error
    return Target(planned)

"""What the commands share that act on one run, or on all that a condition finds."""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated, Final, TypeAlias

import typer

from perdure.cli.client import open_bus, run_command
from perdure.cli.completion import complete_run
from perdure.cli.exit_codes import NO, NOT_FOUND
from perdure.cli.output import console
from perdure.errors import NotFound, PerdureError, Unavailable, WrongArgument
from perdure.runtime.stderr import print_error, show_progress
from perdure.values.printable import one_line
from perdure.values.short_code import run_word

if TYPE_CHECKING:
    from perdure.bus import NatsBus
    from perdure.bus.views.run_lookup import RunNotBegun
    from perdure.client.run_acts import RunActs, Target
    from perdure.contracts.run_acts import RunActReply

__all__ = ["ActChoice", "ActId", "DryRun", "ManyRuns", "OneRun", "Reason", "Yes", "act_on_runs"]

OneRun = Annotated[
    str | None,
    typer.Argument(
        metavar="[RUN]",
        help="A run id or its unique start, an event id, or a request id.",
        show_default=False,
        autocompletion=complete_run,
    ),
]
ManyRuns = Annotated[
    str | None,
    typer.Option("--where", metavar="CONDITION", help="All runs that Temporal's visibility query finds, in its place."),
]
Reason = Annotated[str, typer.Option("--reason", help="Why, for the record.", show_default=False)]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the runs that are meant; do nothing.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="With --where: do not ask.")]
ActId = Annotated[
    str | None, typer.Option("--act", metavar="ID", help="Go on with this act: nothing happens twice to a run.")
]

Act: TypeAlias = "Callable[[RunActs, Target], Awaitable[RunActReply]]"
NotBegun: TypeAlias = "Callable[[RunActs, str, NotFound | RunNotBegun], Awaitable[RunActReply]]"

_SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class ActChoice:
    """Which runs are meant, and how.

    Attributes:
        run: The run; None with ``where``.
        where: The condition; None with ``run``.
        reason: Why.
        act: Id of an earlier act that goes on; by default a new one.
        dry_run: Whether only the runs are printed.
        yes: Whether many runs need no confirmation.
        as_json: Whether to print JSON, one object a line.
    """

    run: str | None
    where: str | None
    reason: str
    act: str | None
    dry_run: bool
    yes: bool
    as_json: bool


def act_on_runs(verb: str, choice: ActChoice, do: Act, *, not_begun: NotBegun | None = None) -> None:
    """Act on the runs that are meant, and print what came of each.

    Args:
        verb: What is done, for the question.
        choice: Which runs are meant.
        do: Does it to one run.
        not_begun: Does it to a run that has not begun; by default that is refused.
    """
    if (choice.run is None) == (choice.where is None):
        raise typer.BadParameter("name one RUN, or several by --where")
    outcomes = run_command(_act(verb, choice, do, not_begun))
    if outcomes["refused"]:
        raise typer.Exit(NO)
    if outcomes["unknown_run"]:
        raise typer.Exit(NOT_FOUND)


async def _act(verb: str, choice: ActChoice, do: Act, not_begun: NotBegun | None) -> Counter[str]:
    from perdure.bus.views.run_lookup import RunNotBegun
    from perdure.client.run_acts import RunActs, new_act_id
    from perdure.local.approver import login_name

    async with open_bus() as bus:
        acts = RunActs(bus, choice.act or new_act_id(), login_name(), choice.reason, _waiting_note())
        try:
            targets = await _targets(bus, choice)
        except (NotFound, RunNotBegun) as error:
            if not_begun is None or choice.run is None or choice.dry_run:
                raise
            reply = await not_begun(acts, choice.run, error)
            _print(reply.workflow_id, reply.outcome, reply.detail, as_json=choice.as_json)
            return Counter({reply.outcome: 1})
        if choice.dry_run:
            for target in targets:
                _print(target.workflow_id, "would be meant", "", as_json=choice.as_json)
            return Counter()
        if choice.where is not None and not choice.yes:
            _confirm(verb, targets, may_ask=not choice.as_json)
        outcomes = await _act_on_each(acts, targets, do, as_json=choice.as_json)
        if choice.where is not None and not choice.as_json:
            counts = ", ".join(f"{count:,} {outcome.replace('_', ' ')}" for outcome, count in outcomes.items())
            console.print(f"Act {acts.id}: {counts or 'no run is meant'}.", markup=False)
    return outcomes


async def _act_on_each(acts: RunActs, targets: list[Target], do: Act, *, as_json: bool) -> Counter[str]:
    """Print what comes of each run, and how far it is.

    Raises:
        Unavailable: A service does not answer; the sentence says what is done, and how to go on.
    """
    outcomes = Counter[str]()

    def done() -> str:
        return f"{outcomes.total():,} of {len(targets):,} runs"

    def rest() -> str:
        return f"{done()} are answered. The same command with --act {acts.id} does the rest, and nothing twice."

    try:
        async for reply in acts.each(targets, partial(do, acts)):
            outcomes[reply.outcome] += 1
            show_progress("")
            _print(reply.workflow_id, reply.outcome, reply.detail, became=reply.became, as_json=as_json)
            if outcomes.total() < len(targets):
                show_progress(done())
    except Unavailable as error:
        raise Unavailable(f"{error} {rest()}") from error
    except asyncio.CancelledError:
        show_progress("")
        print_error(f"Interrupted: {rest()}")
        raise
    return outcomes


def _waiting_note() -> Callable[[str], None]:
    """Return what prints, once for each subject, that nobody answers on it and what the command waits for."""
    noted = set[str]()

    def note(subject: str) -> None:
        if subject not in noted:
            noted.add(subject)
            show_progress("")
            print_error(f"Nobody answers on {subject}: waiting up to a minute for the service to come back.")

    return note


async def _targets(bus: NatsBus, choice: ActChoice) -> list[Target]:
    from perdure.bus.views.found_runs import find_runs
    from perdure.bus.views.run_index import run_progress
    from perdure.bus.views.run_lookup import find_run
    from perdure.client.run_acts import Target

    if choice.where is not None:
        found = [Target(it.workflow_id, it.run_id) async for it in find_runs(bus, choice.where)]
        return found[::-1]  # the oldest first
    newest = (await run_progress(bus, await find_run(bus, choice.run or "")))[-1]
    return [Target(newest.workflow_id, newest.run_id)]


def _confirm(verb: str, targets: list[Target], *, may_ask: bool) -> None:
    """Let the user confirm.

    Raises:
        WrongArgument: Nobody can be asked.
        PerdureError: The answer is no.
    """
    named = ", ".join(run_word(target.workflow_id) for target in targets[:_SHOWN])
    more = f" and {len(targets) - _SHOWN:,} more" if len(targets) > _SHOWN else ""
    runs = f"{len(targets):,} {'run' if len(targets) == 1 else 'runs'}"
    if not may_ask or not sys.stdin.isatty():
        raise WrongArgument(f"This would {verb} {runs}. Add --yes if you mean them, or --dry-run to see them.")
    print_error(f"This will {verb} {runs}: {named}{more}.")
    if not typer.confirm("Go on?"):
        raise PerdureError("Nothing was done.")


def _print(run: str, outcome: str, detail: str, *, became: str | None = None, as_json: bool) -> None:
    if as_json:
        fields = {"workflow_id": run, "outcome": outcome, "detail": detail, "became": became}
        console.out(json.dumps(fields, ensure_ascii=False), highlight=False)
    else:
        text = f"{run_word(run)}: {outcome.replace('_', ' ')}{f'. {detail}' if detail else ''}"
        console.print(one_line(text), soft_wrap=True, markup=False)

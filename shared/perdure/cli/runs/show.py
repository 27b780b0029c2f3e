"""``perdure runs show``: everything that the bus and Temporal know of one run."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, TypeAlias

import typer
from rich.markup import escape
from rich.text import Text

from perdure.cli.client import Json, open_bus, run_command
from perdure.cli.output import cell, console, local_time, print_json, progress_line, usage_lines
from perdure.cli.runs.options import RunId
from perdure.values.printable import one_line

if TYPE_CHECKING:
    from perdure.bus import NatsBus, StoredMessage
    from perdure.contracts import Message, Progress, RunUsage
    from perdure.contracts.runs import RunDescription, StuckRun

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(epilog="Example: perdure runs show DocumentAnalysis~42")
    def show(run: RunId, *, as_json: Json = False) -> None:
        """Show a run: progress, votes, alerts, usage and Temporal's view."""
        facts, around, engine, stuck = run_command(_show(run))
        if as_json:
            print_json([*facts, *(message for _, message in around), engine])
        else:
            _print(facts, around, engine, stuck)


_Around: TypeAlias = "list[tuple[StoredMessage, Message]]"


async def _show(run: str) -> tuple[list[Progress], _Around, RunDescription, StuckRun | None]:
    from perdure.bus.views.run_index import run_progress
    from perdure.bus.views.run_lookup import find_run
    from perdure.bus.views.stuck_runs import stuck_run

    async with open_bus() as bus:
        facts = await run_progress(bus, await find_run(bus, run))
        workflow_id = facts[0].workflow_id
        around, engine = await _around(bus, workflow_id), await _describe(bus, workflow_id)
        return facts, around, engine, await stuck_run(bus, workflow_id) if engine.task_attempt > 1 else None


async def _around(bus: NatsBus, workflow_id: str) -> _Around:
    """Return the messages about the run's approval requests, its alerts, and what operators did to it, by time."""
    from perdure.bus import decode
    from perdure.contracts import to_token

    token = to_token(workflow_id)
    found = [
        (message, decode(message.raw))
        for subject in (f"approvals.*.*.{token}", f"alerts.*.{token}", f"admin.run.{token}")
        async for message in bus.read(subject)
    ]
    return sorted(found, key=lambda pair: pair[0].stored_at)


async def _describe(bus: NatsBus, workflow_id: str) -> RunDescription:
    from perdure.contracts.runs import DESCRIBE_RUN, RunDescription, RunQuery

    query = RunQuery(workflow_id=workflow_id)
    return RunDescription.model_validate_json(await bus.request(DESCRIBE_RUN, query.model_dump_json().encode()))


def _print(facts: list[Progress], around: _Around, engine: RunDescription, stuck: StuckRun | None) -> None:
    from perdure.contracts.runs import MEND_THE_CODE

    for fact in facts:
        console.print(progress_line(fact))
    for received, message in around:
        if text := _line(message):
            console.print(Text.assemble((f"{local_time(received.stored_at)} ", "dim"), text))
    for words in usage_lines(_used(facts)):
        console.print(words, markup=False)
    console.print(f"Temporal: {engine.status or 'has no such run'}")
    if engine.paused:
        console.print(f"  {one_line(engine.paused)}. Let it go on: `perdure runs resume`", markup=False)
    if engine.rerun_of:
        console.print(f"  repeats {one_line(engine.rerun_of)}", markup=False)
    for step in engine.pending:
        console.print(
            f"  pending: {step.activity}, attempt {step.attempt}. {one_line(step.last_failure or '')}", markup=False
        )
    if engine.task_attempt > 1:
        failure = escape(one_line(stuck.error if stuck else engine.task_failure or ""))
        console.print(f"  [red]stuck[/], waits for mended code: it fails, attempt {engine.task_attempt}: {failure}")
        console.print(f"  {MEND_THE_CODE}", markup=False)


def _line(message: Message) -> Text | None:
    from perdure.cli.approvals.text import line
    from perdure.contracts import Alert, RunActed

    if isinstance(message, Alert):
        return Text.assemble(("! ", "yellow"), "alert ", cell(message.title))
    if isinstance(message, RunActed):
        return cell(message.sentence)
    return line(message)


def _used(facts: Iterable[Progress]) -> RunUsage:
    """Return the usage of a run: of its ending, or the sum of its steps, including the runs that it continues."""
    from perdure.contracts import ENDINGS, RunUsage

    used = [fact for fact in facts if fact.usage is not None]
    ending = next((fact.usage for fact in used if fact.kind in ENDINGS), None)
    steps = {(fact.run_id, fact.sequence): fact.usage for fact in used if fact.usage is not None}
    return ending or sum(steps.values(), RunUsage())

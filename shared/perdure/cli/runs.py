"""``perdure runs``, ``status`` and ``result``: list runs, show the status of one, print its result."""

import json
from datetime import datetime
from typing import Annotated

import typer
from rich.markup import escape

from perdure.bus import NatsBus
from perdure.bus.views.run_index import follow_progress, latest_facts, run_progress
from perdure.cli.client import Json, RunId, open_bus, run_command
from perdure.cli.output import console, local_time, print_json, progress_line, table, usage_lines
from perdure.contracts import ENDINGS, Progress, RunUsage, in_order
from perdure.contracts.runs import DESCRIBE_RUN, RunDescription, RunQuery

__all__ = ["register"]

_STILL_RUNNING = 3


def register(app: typer.Typer) -> None:
    """Add the commands."""

    @app.command()
    def runs(
        *,
        open_only: Annotated[bool, typer.Option("--open", help="Only runs that have not ended.")] = False,
        as_json: Json = False,
    ) -> None:
        """List runs with their latest progress."""
        facts = [fact for fact in run_command(_newest()) if not (open_only and fact.kind in ENDINGS)]
        if as_json:
            print_json(facts)
        else:
            rows = [(fact.workflow_id, fact.workflow, fact.kind, fact.step or "", _day(fact.at)) for fact in facts]
            console.print(table("run", "workflow", "state", "step", "since", rows=rows))

    @app.command()
    def status(workflow_id: RunId, *, as_json: Json = False) -> None:
        """Show the status of a run: its progress, and Temporal's view."""
        facts, engine = run_command(_status(workflow_id))
        if as_json:
            print_json([*facts, engine])
            return
        _print_status(facts, engine)

    @app.command(epilog="Exit codes: 0 completed, 1 ended otherwise or too large to publish, 3 still running.")
    def result(
        workflow_id: RunId,
        *,
        wait: Annotated[bool, typer.Option(help="Wait until the run ends.")] = False,
    ) -> None:
        """Print the result of a run as JSON."""
        last = run_command(_last(workflow_id, wait=wait))
        if last.kind == "completed" and last.error is None:
            console.out(json.dumps(last.result, ensure_ascii=False, indent=2))
            return
        ended = last.kind in ENDINGS
        typer.echo(f"{workflow_id}: {last.kind}{f': {last.error}' if last.error else ''}", err=True)
        raise typer.Exit(1 if ended else _STILL_RUNNING)


def _used(facts: list[Progress]) -> RunUsage:
    """Return the usage of a run: of its ending, or the sum of its steps, including the runs that it continues."""
    used = [fact for fact in facts if fact.usage is not None]
    ending = next((fact.usage for fact in used if fact.kind in ENDINGS), None)
    steps = {(fact.run_id, fact.sequence): fact.usage for fact in used if fact.usage is not None}
    return ending or sum(steps.values(), RunUsage())


def _print_status(facts: list[Progress], engine: RunDescription) -> None:
    for fact in facts:
        console.print(progress_line(fact))
    for line in usage_lines(_used(facts)):
        console.print(line, markup=False)
    console.print(f"Temporal: {engine.status or 'has no such run'}")
    for step in engine.pending:
        console.print(f"  pending: {step.activity}, attempt {step.attempt}. {step.last_failure or ''}", markup=False)
    if engine.task_attempt > 1:
        console.print(
            f"  [red]stuck[/]: its code fails, attempt {engine.task_attempt}: {escape(engine.task_failure or '')}"
        )


async def _newest() -> list[Progress]:
    async with open_bus() as bus:
        return await latest_facts(bus)


async def _status(workflow_id: str) -> tuple[list[Progress], RunDescription]:
    async with open_bus() as bus:
        return await run_progress(bus, workflow_id), await _describe(bus, workflow_id)


async def _describe(bus: NatsBus, workflow_id: str) -> RunDescription:
    query = RunQuery(workflow_id=workflow_id)
    return RunDescription.model_validate_json(await bus.request(DESCRIBE_RUN, query.model_dump_json().encode()))


async def _last(workflow_id: str, *, wait: bool) -> Progress:
    async with open_bus() as bus:
        last = in_order(await run_progress(bus, workflow_id))[-1]
        if wait and last.kind not in ENDINGS:
            return [fact async for fact in follow_progress(bus, workflow_id, replay=True)][-1]
        return last


def _day(time: datetime) -> str:
    return f"{time.astimezone():%Y-%m-%d} {local_time(time)}"

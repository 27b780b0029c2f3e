"""Shows and checks the results of the run: report, timeline, executions, trace and audit records."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final, TypeVar

from rich.text import Text
from rich.tree import Tree

from perdure.bus import NatsBus
from perdure.cli.audit.tail import newest_records
from perdure.cli.output import console, table
from perdure.cli.runs.trace import trace_of, tree
from perdure.config.settings import Settings
from perdure.contracts import DocumentReport, Event, Progress
from perdure.contracts.audit import AuditRecordsQuery
from perdure.errors import PerdureError

__all__ = ["ran_again", "show_results"]

_COMPLETE_WITHIN: Final = 15.0  # seconds until traces are flushed and the audit records are complete
_SERVICES: Final = {"demo", "ingest", "orchestrator", "notifier"}
_STREAMS: Final = {"EVENTS", "COMMANDS", "PROGRESS", "APPROVALS", "DECISIONS", "RECEIPTS", "NOTIFICATIONS"}

Found = TypeVar("Found")


async def show_results(
    settings: Settings, bus: NatsBus, event: Event, facts: Sequence[Progress], *, killed_after: int
) -> None:
    """Print the results of the run, and check each.

    Args:
        settings: The configuration of the demo.
        bus: Where the audit service answers.
        event: The event that started the run.
        facts: The facts of the run, in order.
        killed_after: How many facts had been received when the orchestrator was killed.

    Raises:
        PerdureError: A result is missing or wrong.
    """
    _report(settings, facts)
    _timeline(facts)
    _executions(facts, killed_after)
    await _trace(settings, facts[0].workflow_id)
    await _records(bus, event, facts)


def _report(settings: Settings, facts: Sequence[Progress]) -> None:
    report = DocumentReport.model_validate(facts[-1].result)
    if report.path is None:
        console.print(f"No report: {report.decided_by} rejected it.")
        return
    file = settings.state / "documents" / report.path
    if not file.is_file():
        raise PerdureError(f"The run reported that it wrote {file}, but the file does not exist.")
    console.print(f"Report     [bold]{_short(file)}[/] ({file.stat().st_size} bytes)", soft_wrap=True)


def _timeline(facts: Sequence[Progress]) -> None:
    numbers = {fact.sequence for fact in facts}
    if numbers != set(range(1, max(numbers) + 1)):
        raise PerdureError(f"The run's facts have gaps: {sorted(numbers)}")
    took = facts[-1].at - facts[0].at
    console.print(f"Timeline   {len(numbers)} facts, numbered without a gap, in {took.total_seconds():.1f} s")
    ends = {(fact.sequence - 1, fact.attempt): fact for fact in facts if fact.kind in {"step_completed", "step_failed"}}
    rows: list[tuple[str | Text, ...]] = []
    for fact in facts:
        if fact.kind == "step_started":
            end = ends.get((fact.sequence, fact.attempt))
            rows.append(
                (_since(facts[0].at, fact.at), fact.step or "", f"attempt {fact.attempt}", _duration(fact, end))
            )
        elif fact.kind in {"waiting", "resumed"}:
            rows.append((_since(facts[0].at, fact.at), fact.step or "", fact.kind, ""))
    console.print(table("at", "what", "", "", rows=rows))


def _executions(facts: Sequence[Progress], killed_after: int) -> None:
    runs = Counter(fact.step for fact in facts if fact.kind == "step_started")
    in_flight = {fact.step for fact in facts if fact.attempt > 1}
    if not in_flight:
        raise PerdureError("No step ran a second time: no step was in flight at the kill.")
    console.print("Executions " + ", ".join(f"{step} x{count}" for step, count in runs.items()), soft_wrap=True)
    if again := ran_again(facts, killed_after=killed_after):
        raise PerdureError(f"Steps that had completed before the kill ran again: {', '.join(sorted(again))}")
    console.print(f"           only what was in flight at the kill ran twice: {', '.join(sorted(map(str, in_flight)))}")


def ran_again(facts: Sequence[Progress], *, killed_after: int) -> set[str]:
    """Return the steps that completed within the first ``killed_after`` facts and started again later."""
    before, after = facts[:killed_after], facts[killed_after:]
    completed = {fact.step for fact in before if fact.kind == "step_completed"}
    return {fact.step for fact in after if fact.kind == "step_started" and fact.step in completed and fact.step}


async def _trace(settings: Settings, workflow_id: str) -> None:
    async def find() -> Tree | None:
        found = trace_of(settings.state / "traces", workflow_id)
        return tree(found) if found is not None and found.services >= _SERVICES and found.complete else None

    console.print("Trace")
    console.print(await _poll(find, "The trace lacks a service, or spans lack their parent"))


async def _records(bus: NatsBus, event: Event, facts: Sequence[Progress]) -> None:
    async def find() -> Counter[str] | None:
        found = await newest_records(bus, AuditRecordsQuery(limit=500))
        about = [record for record in found if event.id in record.subject or event.id.encode() in record.body]
        about += [record for record in found if record.stream == "EVENTS" and event.id in str(record.headers)]
        counts = Counter(record.stream for record in about)
        return counts if set(counts) >= _STREAMS and counts["PROGRESS"] == len(facts) else None

    counts = await _poll(find, "The audit service has not recorded all messages of the run")
    console.print(
        f"Record     {counts.total()} messages about this event: " + ", ".join(f"{n} {s}" for s, n in counts.items())
    )


async def _poll(find: Callable[[], Awaitable[Found | None]], problem: str) -> Found:
    try:
        async with asyncio.timeout(_COMPLETE_WITHIN):
            while (found := await find()) is None:
                await asyncio.sleep(0.2)
    except TimeoutError as error:
        raise PerdureError(f"{problem}, after {_COMPLETE_WITHIN:.0f} s.") from error
    return found


def _duration(start: Progress, end: Progress | None) -> str | Text:
    if end is None:
        return Text("killed", "red")
    return f"{(end.at - start.at).total_seconds():.2f} s"


def _since(start: datetime, time: datetime) -> str:
    return f"{(time - start).total_seconds():6.2f} s"


def _short(file: Path) -> Path:
    return file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file

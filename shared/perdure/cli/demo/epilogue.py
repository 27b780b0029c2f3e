"""What is left when the run has ended, each part checked: report, timeline, executions, trace, record."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final, TypeVar

from rich.text import Text
from rich.tree import Tree

from perdure.bus import NatsBus
from perdure.cli.audit import find_records
from perdure.cli.output import console, table
from perdure.cli.trace import trace_of, tree
from perdure.config.settings import Settings
from perdure.contracts import DocumentReport, Event, Progress
from perdure.contracts.audit import AuditRecordsQuery
from perdure.errors import PerdureError

__all__ = ["epilogue", "ran_again"]

_SETTLED_WITHIN: Final = 15.0  # seconds until traces are flushed and the record is complete
_SERVICES: Final = {"demo", "ingest", "orchestrator", "notifier"}
_STREAMS: Final = {"EVENTS", "COMMANDS", "PROGRESS", "APPROVALS", "DECISIONS", "RECEIPTS", "NOTIFICATIONS"}

Found = TypeVar("Found")


async def epilogue(
    settings: Settings, bus: NatsBus, event: Event, facts: Sequence[Progress], *, killed_after: int
) -> None:
    """Show all of it; the kill came when so many facts had been heard.

    Raises:
        PerdureError: A part is missing.
    """
    _report(settings, facts)
    _timeline(facts)
    _executions(facts, killed_after)
    await _trace(settings, facts[0].workflow_id)
    await _record(bus, event, facts)


def _report(settings: Settings, facts: Sequence[Progress]) -> None:
    report = DocumentReport.model_validate(facts[-1].result)
    if report.path is None:
        console.print(f"No report: {report.decided_by} rejected it.")
        return
    file = settings.state / "documents" / report.path
    if not file.is_file():
        raise PerdureError(f"The run says that it wrote {file}, but it is not there.")
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
            rows.append((_since(facts[0].at, fact.at), fact.step or "", f"attempt {fact.attempt}", _ended(fact, end)))
        elif fact.kind in {"waiting", "resumed"}:
            rows.append((_since(facts[0].at, fact.at), fact.step or "", fact.kind, ""))
    console.print(table("at", "what", "", "", rows=rows))


def _executions(facts: Sequence[Progress], killed_after: int) -> None:
    runs = Counter(fact.step for fact in facts if fact.kind == "step_started")
    in_flight = {fact.step for fact in facts if fact.attempt > 1}
    if not in_flight:
        raise PerdureError("No step ran a second time: the kill hit nothing.")
    console.print("Executions " + ", ".join(f"{step} x{count}" for step, count in runs.items()), soft_wrap=True)
    if again := ran_again(facts, killed_after=killed_after):
        raise PerdureError(f"Steps that were recorded before the kill ran again: {', '.join(sorted(again))}")
    console.print(f"           only what was in flight at the kill ran twice: {', '.join(sorted(map(str, in_flight)))}")


def ran_again(facts: Sequence[Progress], *, killed_after: int) -> set[str]:
    """Return the steps that had completed when the kill came, after so many facts, and that started once more."""
    before, after = facts[:killed_after], facts[killed_after:]
    recorded = {fact.step for fact in before if fact.kind == "step_completed"}
    return {fact.step for fact in after if fact.kind == "step_started" and fact.step in recorded and fact.step}


async def _trace(settings: Settings, workflow_id: str) -> None:
    async def look() -> Tree | None:
        found = trace_of(settings.state / "traces", workflow_id)
        return tree(found) if found is not None and found.services >= _SERVICES and found.complete else None

    console.print("Trace")
    console.print(await _settled(look, "The trace lacks a service, or its spans do not hang together"))


async def _record(bus: NatsBus, event: Event, facts: Sequence[Progress]) -> None:
    async def look() -> Counter[str] | None:
        found = await find_records(bus, AuditRecordsQuery(limit=500))
        about = [record for record in found.records if event.id in record.subject or event.id.encode() in record.body]
        about += [record for record in found.records if record.stream == "EVENTS" and event.id in str(record.headers)]
        counts = Counter(record.stream for record in about)
        return counts if set(counts) >= _STREAMS and counts["PROGRESS"] == len(facts) else None

    counts = await _settled(look, "The audit service has not recorded all of it")
    console.print(
        f"Record     {counts.total()} messages about this event: " + ", ".join(f"{n} {s}" for s, n in counts.items())
    )


async def _settled(look: Callable[[], Awaitable[Found | None]], complaint: str) -> Found:
    try:
        async with asyncio.timeout(_SETTLED_WITHIN):
            while (found := await look()) is None:
                await asyncio.sleep(0.2)
    except TimeoutError as error:
        raise PerdureError(f"{complaint}, after {_SETTLED_WITHIN:.0f} s.") from error
    return found


def _ended(start: Progress, end: Progress | None) -> str | Text:
    if end is None:
        return Text("killed", "red")
    return f"{(end.at - start.at).total_seconds():.2f} s"


def _since(start: datetime, time: datetime) -> str:
    return f"{(time - start).total_seconds():6.2f} s"


def _short(file: Path) -> Path:
    return file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file

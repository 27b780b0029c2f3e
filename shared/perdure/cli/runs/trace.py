"""``perdure runs trace``: prints the spans of one trace as a tree."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.text import Text
from rich.tree import Tree

from perdure.cli.client import Json, open_bus, run_command
from perdure.cli.output import console
from perdure.cli.runs.options import RunId
from perdure.errors import NotFound, Unavailable
from perdure.values.printable import one_line

if TYPE_CHECKING:
    from perdure.telemetry.span_tree import SpanNode

__all__ = ["Trace", "register", "trace_of", "tree"]


@dataclass(frozen=True, slots=True)
class Trace:
    """The spans of one trace, by their roots."""

    roots: tuple[SpanNode, ...]

    @property
    def services(self) -> set[str]:
        """The services that took part."""
        return {node.service for node in self.walk()}

    @property
    def complete(self) -> bool:
        """Whether every span has its parent, and there is one root."""
        from perdure.telemetry.span_tree import MISSING_PARENT

        return len(self.roots) == 1 and all(node.name != MISSING_PARENT for node in self.walk())

    def walk(self) -> Iterator[SpanNode]:
        """Yield every span, parents first."""
        waiting = list(self.roots)
        while waiting:
            node = waiting.pop(0)
            yield node
            waiting = [*node.children, *waiting]


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(epilog="With OTEL_EXPORTER_OTLP_ENDPOINT set, the same spans also go to your own collector.")
    def trace(run: RunId, *, as_json: Json = False) -> None:
        """Draw the trace of a run of `perdure up`, from publisher to notice."""
        from perdure.config.loader import load_settings

        folder = load_settings().state / "traces"
        workflow_id = run_command(_find(run))
        found = trace_of(folder, workflow_id)
        if found is None:
            raise NotFound(f"No trace of {workflow_id} lies in {folder}: look in your collector, if you have one.")
        if as_json:
            for node in found.walk():
                console.out(json.dumps(_plain(node)), highlight=False)
        else:
            console.print(tree(found))


async def _find(run: str) -> str:
    """Return the run's id; without a suite, traces are found by whole run ids only."""
    from perdure.bus.views.run_lookup import find_run

    try:
        async with open_bus() as bus:
            return await find_run(bus, run)
    except (NotFound, Unavailable):
        return run


def trace_of(folder: Path, workflow_id: str) -> Trace | None:
    """Return the newest trace in which this run takes part, if there is one."""
    from perdure.telemetry.span_tree import build_tree, find_traces, read_spans

    ids = find_traces(folder, "perdure.workflow_id", workflow_id)
    return Trace(build_tree(read_spans(folder, ids[0]))) if ids else None


def tree(trace: Trace) -> Tree:
    """Draw a trace with durations."""
    drawn = Tree(f"[dim]trace {trace.roots[0].trace_id}[/]")
    waiting = [(drawn, root) for root in trace.roots]
    while waiting:
        branch, node = waiting.pop(0)
        grown = branch.add(_line(node))
        waiting += [(grown, child) for child in node.children]
    return drawn


def _line(node: SpanNode) -> Text:
    style = "red" if node.status == "error" else ""
    line = Text.assemble((f"{node.service:<12} ", "cyan"), (one_line(node.name), style))
    attempt = node.attributes.get("perdure.attempt", 1)
    if attempt > 1:
        line.append(f" (attempt {attempt})", "yellow")
    line.append(f"  {node.duration.total_seconds() * 1000:.1f} ms", "dim")
    return line


def _plain(node: SpanNode) -> dict[str, object]:
    return {
        "trace_id": node.trace_id,
        "span_id": node.span_id,
        "parent_id": node.parent_id,
        "service": node.service,
        "name": node.name,
        "start": node.start.isoformat(),
        "duration_ms": node.duration.total_seconds() * 1000,
        "status": node.status,
        "attributes": dict(node.attributes),
    }

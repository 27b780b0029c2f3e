"""What commands print: for people on a terminal, as plain lines in a pipe, as JSON for programs."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from perdure.values.encodable import encodable
from perdure.values.printable import indented, one_line, printable

if TYPE_CHECKING:
    from pydantic import BaseModel
    from rich.table import Table

    from perdure.contracts import Progress, ProgressKind, RunUsage, Usage

__all__ = [
    "age",
    "cell",
    "console",
    "facts_text",
    "local_day",
    "local_time",
    "plain",
    "print_json",
    "progress_line",
    "table",
]

_IN_A_PIPE: Final = 160  # columns: nobody looks at the edge, and lines that break are hard to cut
_NAME_WIDTH: Final = 10  # columns for the name of a fact


class _Console(Console):
    """A console that prints text of others without interpreting it, and what its encoding lacks in another form."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterator[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=self._shown(printable(segment.text)))

    def _shown(self, text: str) -> str:
        return encodable(text, self.encoding)


console: Final = _Console(highlight=False, width=None if sys.stdout.isatty() else _IN_A_PIPE)

_LOOKS: Final[dict[ProgressKind, tuple[str, str]]] = {
    "started": ("▶", "bold"),
    "step_started": ("·", "dim"),
    "step_completed": ("✓", "green"),
    "step_failed": ("✗", "red"),
    "waiting": ("?", "bold yellow"),
    "resumed": ("▶", "yellow"),
    "note": ("i", "cyan"),
    "completed": ("■", "bold green"),
    "failed": ("■", "bold red"),
    "cancelled": ("■", "bold yellow"),
    "terminated": ("■", "bold red"),
    "timed_out": ("■", "bold red"),
}


def print_json(messages: Iterable[BaseModel]) -> None:
    """Print one JSON object a line."""
    for message in messages:
        console.out(message.model_dump_json(), highlight=False)


def progress_line(fact: Progress, *, name_run: bool = False) -> Text:
    """Put one fact of a run into a line."""
    failed = fact.kind == "step_completed" and fact.error  # of a tool, as earlier workers published it
    sign, style = _LOOKS.get("step_failed" if failed else fact.kind, ("·", ""))
    line = Text.assemble((f"{local_time(fact.at)} ", "dim"), (f"{sign} ", style))
    if name_run:
        line.append(f"{one_line(fact.workflow_id)}  ", "dim")
    line.append(f"{fact.sequence:>3} {fact.kind:<14}", style)
    line.append(f" {one_line(fact.step)}" if fact.step else "")
    if fact.attempt > 1:
        line.append(f"  (attempt {fact.attempt})", "yellow")
    if fact.kind == "note":
        line.append(f"  {one_line(str(fact.result))}")
    if fact.kind == "step_completed" and fact.usage:
        line.append(
            "".join(f"  {one_line(model)}, {_fact_text(used)}" for model, used in fact.usage.models.items()), "dim"
        )
    if fact.error:
        line.append(f"  {one_line(fact.error)}", "red")
    return line


def usage_lines(usage: RunUsage) -> Iterator[str]:
    """Return the usage of a run in lines: total, by agent and by model; none without usage."""
    if not usage:
        return
    total = usage.total
    unpriced = (
        f", {total.unpriced_requests} without a known price" if total.cost_usd and total.unpriced_requests else ""
    )
    tokens = f"{total.input_tokens} tokens in, {total.output_tokens} out"
    yield f"Used: {total.requests} model requests, {usage.tool_calls} tool calls, {tokens}, {_cost(total)}{unpriced}"
    for agent, used in usage.agents.items():
        yield f"  agent {one_line(agent)}: {used.requests} requests, {_fact_text(used)}"
    for model, used in usage.models.items():
        yield f"  model {one_line(model)}: {used.requests} requests, {_fact_text(used)}"


def _fact_text(used: Usage) -> str:
    return f"{used.tokens} tokens, {_cost(used)}"


def _cost(used: Usage) -> str:
    return "of unknown cost" if used.cost_usd is None else f"{used.cost_usd:.4f} USD"


def local_time(time: datetime) -> str:
    """Write an instant in the reader's zone, with date, milliseconds and offset from UTC."""
    return _local(time).isoformat(" ", "milliseconds")


def local_day(time: datetime) -> str:
    """Write an instant in the reader's zone, with date, seconds and offset from UTC."""
    return _local(time).isoformat(" ", "seconds")


def age(since: datetime) -> str:
    """Write how long ago an instant was, in its largest unit: 40s, 5m, 3h or 2d."""
    seconds = max(0, (datetime.now(UTC) - since.replace(tzinfo=since.tzinfo or UTC)).total_seconds())
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= size:
            return f"{seconds / size:.0f}{unit}"
    return f"{seconds:.0f}s"


def _local(time: datetime) -> datetime:
    return time.replace(tzinfo=time.tzinfo or UTC).astimezone()


def plain(text: str) -> Text:
    """Show what others wrote as it is: rich would leave some control characters out, and take brackets for markup."""
    return Text(printable(text))


def cell(text: str) -> Text:
    """Show what others wrote as one line, so that it cannot pretend to be a row of its own."""
    return Text(one_line(text))


def facts_text(facts: Iterable[tuple[str, str]]) -> Text:
    """Put facts one below the other, each behind its name; a value of several lines stays in its column."""
    margin = " " * (_NAME_WIDTH + 1)
    return Text("\n").join(
        Text.assemble((f"{name:<{_NAME_WIDTH}} ", "dim"), indented(value, margin)) for name, value in facts
    )


def table(*columns: str, rows: Iterable[Sequence[str | Text]]) -> Table:
    """Lay rows out under these columns; without a frame, so that lines can be cut and pasted."""
    from rich.table import Table

    laid = Table(*columns, box=None, pad_edge=False, header_style="dim")
    for row in rows:
        laid.add_row(*(it if isinstance(it, Text) else cell(it) for it in row))
    return laid

"""Prints a comparison, as a table or as JSON lines."""

import json
import sys
from collections import Counter
from dataclasses import asdict
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from perdure.values.printable import one_line
from perdure.verify.judgement import CHECKS, Comparison

__all__ = ["show_json", "show_report"]

_PIPE_WIDTH: Final = 160  # columns


def show_report(comparison: Comparison) -> None:
    """Print a table of the checks, then the violations."""
    console = Console(highlight=False, width=None if sys.stdout.isatty() else _PIPE_WIDTH)
    violated = Counter(violation.check for violation in comparison.violations)
    checks = Table("check", "of", "", "what holds", box=None, pad_edge=False, header_style="dim")
    for check, what in CHECKS.items():
        state = f"[red]{violated[check]} violated[/]" if violated[check] else "[green]ok[/]"
        checks.add_row(check, str(comparison.checked[check]), state, what)
    console.print(checks)
    if comparison.open_runs:
        console.print(f"{len(comparison.open_runs)} runs are open and were checked as far as they got.")
    if comparison.lost:
        names = ", ".join(comparison.lost)
        console.print(
            f"{len(comparison.lost)} runs never began, for a deleted stream held their commands: {names}",
            soft_wrap=True,
        )
    for violation in comparison.violations:
        console.print(f"[red]✗[/] {violation.check:<9} ", end="")
        console.print(one_line(f"{violation.id}: {violation.detail}"), soft_wrap=True, markup=False)


def show_json(comparison: Comparison) -> None:
    """Print one JSON object for each check, then one for each violation."""
    violated = Counter(violation.check for violation in comparison.violations)
    for check, count in comparison.checked.items():
        print(json.dumps({"check": check, "of": count, "violated": violated[check], **_also(check, comparison)}))  # noqa: T201 (the output)
    for violation in comparison.violations:
        print(json.dumps({"violation": violation.check, **_without_check(asdict(violation))}))  # noqa: T201 (likewise)


def _also(check: str, comparison: Comparison) -> dict[str, Any]:
    if check == "ending":
        return {"open": len(comparison.open_runs)}
    return {"lost": comparison.lost} if check == "outcome" and comparison.lost else {}


def _without_check(fields: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in fields.items() if name != "check"}

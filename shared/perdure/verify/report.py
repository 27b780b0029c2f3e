"""Prints a comparison, as a table or as JSON lines."""

import json
import sys
from collections import Counter
from dataclasses import asdict
from typing import Final

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
    for violation in comparison.violations:
        console.print(f"[red]✗[/] {violation.check:<9} ", end="")
        console.print(one_line(f"{violation.id}: {violation.detail}"), soft_wrap=True, markup=False)


def show_json(comparison: Comparison) -> None:
    """Print one JSON object for each check, then one for each violation."""
    violated = Counter(violation.check for violation in comparison.violations)
    for check, count in comparison.checked.items():
        print(json.dumps({"check": check, "of": count, "violated": violated[check], **_open(check, comparison)}))  # noqa: T201 (the output)
    for violation in comparison.violations:
        print(json.dumps({"violation": violation.check, **_without_check(asdict(violation))}))  # noqa: T201 (likewise)


def _open(check: str, comparison: Comparison) -> dict[str, int]:
    return {"open": len(comparison.open_runs)} if check == "ending" else {}


def _without_check(fields: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in fields.items() if name != "check"}

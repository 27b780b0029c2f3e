"""The list of runs, filtered and page by page."""

from collections.abc import Mapping
from typing import Any, Final, get_args

from perdure.bus.views.run_list import RunFilter, list_runs
from perdure.contracts import ProgressKind
from perdure_console.desk import Desk
from perdure_console.identity import Person
from perdure_console.pages import LivePage

__all__ = ["PAGE"]

_ON_A_PAGE: Final = 50
_STATES: Final = ("open", "stuck", "completed", "failed", "cancelled", "terminated", "timed_out")
_FIELDS: Final = ("workflow", "state", "event", "key")


async def _load(desk: Desk, _: Person, query: Mapping[str, str]) -> dict[str, Any]:
    given = {name: query[name] for name in _FIELDS if query.get(name)}
    state: Any = given.get("state")
    before = query.get("before", "")
    selection = RunFilter(
        workflow=given.get("workflow"),
        state=state if state in {"open", "stuck", *get_args(ProgressKind)} else None,
        event=given.get("event"),
        key=given.get("key"),
        limit=_ON_A_PAGE,
        before=int(before) if before.isascii() and before.isdecimal() else None,
    )
    found = await list_runs(desk.bus, selection)
    return {"runs": found.runs, "next": found.next, "given": given}


async def _frame(_: Desk, __: Person, query: Mapping[str, str]) -> dict[str, Any]:
    return {"fields": {name: query.get(name, "") for name in _FIELDS}, "states": _STATES}


PAGE: Final = LivePage("/runs", "runs.html", "runs_middle.html", _load, lambda _: ("progress.>", "stuck.>"), _frame)

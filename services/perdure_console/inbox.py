"""The inbox: requests that wait, and those that were settled."""

from collections.abc import Mapping
from typing import Any, Final

from perdure.bus.views.requests import RequestFilter, list_requests
from perdure_console.desk import Desk
from perdure_console.identity import Person
from perdure_console.pages import LivePage
from perdure_console.waiting import waiting_for

__all__ = ["PAGE"]

_SETTLED: Final = 50


async def _load(desk: Desk, person: Person, query: Mapping[str, str]) -> dict[str, Any]:
    text, settled = query.get("text", ""), query.get("show") == "settled"
    if settled:
        every = await list_requests(desk.bus, RequestFilter(state=None, text=text, limit=_SETTLED))
        return {"waiting": [], "settled": [it for it in every if it.state != "open"], "show_settled": True}
    return {"waiting": await waiting_for(desk, person, text), "settled": [], "show_settled": False}


async def _frame(_: Desk, __: Person, query: Mapping[str, str]) -> dict[str, Any]:
    return {"text": query.get("text", "")}


PAGE: Final = LivePage(
    "/inbox", "inbox.html", "inbox_middle.html", _load, lambda _: ("approvals.>", "receipts.>"), _frame
)

"""The search box: an id of anything leads to its page."""

from typing import Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from perdure.bus.views.snapshots import AskedSources, snapshot_of
from perdure.explain import FactSnapshot, explained
from perdure_console.desk import desk_of
from perdure_console.pages import page

__all__ = ["find"]

_LONGEST: Final = 1_000  # characters


async def find(request: Request) -> Response:
    """Go to the page of what a text names, or explain it."""
    desk, text = desk_of(request), request.query_params.get("text", "").strip()[:_LONGEST]
    if not text:
        return RedirectResponse("/runs", status_code=303)
    snapshot = await snapshot_of(AskedSources(desk.bus, desk.bus.request), text)
    where = _page_of(snapshot)
    if where is not None:
        return RedirectResponse(f"{where[0]}?{urlencode({'id': where[1]})}", status_code=303)
    return page(request, "found.html", text=text, found=explained(snapshot))


def _page_of(snapshot: FactSnapshot) -> tuple[str, str] | None:
    """Return the page of a thing, and its id there."""
    if snapshot.about == "run" and snapshot.runs and snapshot.runs[0].last is not None:
        return "/run", snapshot.runs[0].workflow_id
    if snapshot.about == "request" and snapshot.requests:
        return "/request", snapshot.requests[-1].request.message.request_id
    if snapshot.about == "event" and snapshot.event is not None:
        return "/event", snapshot.event.id
    return None

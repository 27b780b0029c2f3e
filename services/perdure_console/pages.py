"""Draws pages: templates that escape everything, and filters that make text from outside safe to show."""

import json
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from perdure.values.printable import as_text, one_line
from perdure_console.desk import Desk, desk_of
from perdure_console.identity import Person, person_of

__all__ = ["FOLDER", "LivePage", "draw", "page"]

FOLDER: Final = Path(__file__).parent

_templates: Final = Environment(
    loader=FileSystemLoader(FOLDER / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def _age(then: datetime) -> str:
    """Return how long ago an instant was, or in how long it will be, in the largest unit that fits."""
    seconds = (datetime.now(UTC) - then).total_seconds()
    size = abs(seconds)
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if size >= length:
            text = f"{int(size // length)} {unit}"
            break
    else:
        text = "less than a minute"
    return f"{text} ago" if seconds >= 0 else f"in {text}"


def _address(path: str, **query: str) -> str:
    return f"{path}?{urlencode(query)}"


_templates.filters |= {
    "age": _age,
    "line": lambda value: one_line(str(value)),
    "text": as_text,
    "utc": lambda time: time.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC"),
    "exact_json": lambda value: json.dumps(value, ensure_ascii=True),
}
_templates.globals |= {"address": _address}


def draw(template: str, **context: Any) -> str:
    """Return a template with its values."""
    return _templates.get_template(template).render(context)


def page(request: Request, template: str, *, status: int = 200, **context: Any) -> HTMLResponse:
    """Return a whole page."""
    desk = desk_of(request)
    shared = {"person": request.state.person, "nonce": request.state.nonce, "path": request.url.path, "live": None}
    shared["by_proxy"] = desk.identities.by_proxy
    return HTMLResponse(draw(template, **{**shared, **context}), status_code=status)


@dataclass(frozen=True, slots=True)
class LivePage:
    """A page whose middle follows the bus.

    Attributes:
        path: Its path.
        template: The page; it includes the middle.
        middle: The template of the middle.
        load: Returns the values of the middle.
        frame: Returns the values around it, which stay as they are.
        patterns: Returns the subjects whose messages may change the middle.
    """

    path: str
    template: str
    middle: str
    load: Callable[[Desk, Person, Mapping[str, str]], Awaitable[dict[str, Any]]]
    patterns: Callable[[Mapping[str, str]], Collection[str]]
    frame: Callable[[Desk, Person, Mapping[str, str]], Awaitable[dict[str, Any]]] | None = None

    async def show(self, request: Request) -> Response:
        """Answer with the whole page."""
        desk, person, query = desk_of(request), person_of(request), dict(request.query_params)
        place = desk.feed.place
        values = await self.load(desk, person, query)
        around = {} if self.frame is None else await self.frame(desk, person, query)
        live = _address(f"/live{self.path}", **{**query, "seen": place})
        return page(request, self.template, middle=self.middle, live=live, **{**values, **around})

    async def follow(self, request: Request) -> Response:
        """Answer with the stream of its middle."""
        desk, person = desk_of(request), person_of(request)
        query = {name: value for name, value in request.query_params.items() if name != "seen"}

        async def draw_middle() -> str:
            return draw(self.middle, person=person, **await self.load(desk, person, query))

        key = json.dumps([self.path, person.name, sorted(person.roles), sorted(query.items())])
        return desk.live.stream(request, draw_middle, key=key, patterns=self.patterns(query))

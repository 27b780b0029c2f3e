"""The console's web application: its pages, behind the guard."""

import logging
from typing import Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from perdure.config.services import ConsoleSettings
from perdure.errors import InvalidMessage, NotFound, PerdureError, Unavailable
from perdure_console import deciding, entering, event, finding, inbox, key, now, publishing, request, run, runs
from perdure_console.desk import Desk
from perdure_console.guard import STATIC, Guard
from perdure_console.pages import FOLDER, page

__all__ = ["console_app"]

_LIVE: Final = (now.PAGE, inbox.PAGE, request.PAGE, runs.PAGE, run.PAGE, event.PAGE)

_log = logging.getLogger(__name__)


def console_app(settings: ConsoleSettings, desk: Desk) -> Starlette:
    """Build the application.

    Args:
        settings: The section ``console``.
        desk: What the pages work with.
    """
    routes = [
        *(Route(it.path, it.show) for it in _LIVE),
        *(Route(f"/live{it.path}", it.follow) for it in _LIVE),
        Route(request.PAGE.path, deciding.decide, methods=["POST"]),
        Route(run.PAGE.path, run.act, methods=["POST"]),
        Route("/publish", publishing.show),
        Route("/publish", publishing.publish, methods=["POST"]),
        Route("/key", key.show),
        Route("/key", key.offer, methods=["POST"]),
        Route("/find", finding.find),
        Route("/enter", entering.show),
        Route("/enter", entering.enter, methods=["POST"]),
        Route("/leave", entering.leave, methods=["POST"]),
        Mount(STATIC.rstrip("/"), StaticFiles(directory=FOLDER / "static")),
    ]
    app = Starlette(
        routes=routes,
        middleware=[Middleware(Guard, settings=settings, identities=desk.identities)],
        exception_handlers={HTTPException: _refused, PerdureError: _failed},
    )
    app.state.desk = desk
    return app


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 (registered for this type only)
    return page(request, "problem.html", status=error.status_code, what=error.detail, again=False)


async def _failed(request: Request, error: Exception) -> Response:
    """Show what went wrong; a bus that does not answer is asked again by the page itself."""
    _log.warning("%s %s: %s", request.method, request.url.path, error)
    again = isinstance(error, Unavailable)
    refused = 400 if isinstance(error, InvalidMessage) else 409
    status = 503 if again else 404 if isinstance(error, NotFound) else refused
    return page(request, "problem.html", status=status, what=str(error), again=again and request.method == "GET")

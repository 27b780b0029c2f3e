"""Entering by a link that works once, and leaving."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from perdure_console.desk import desk_of
from perdure_console.form import read_form
from perdure_console.pages import page

__all__ = ["enter", "leave", "show"]


async def show(request: Request) -> Response:
    """Show a button: what only opens the link, such as a preview, does not use it up."""
    return page(request, "enter.html", token=request.query_params.get("token", ""), refused=False)


async def enter(request: Request) -> Response:
    """Begin a new session; whatever session the browser had before is ended."""
    desk, token = desk_of(request), (await read_form(request)).get("token", "")
    person = desk.links.take(token)
    if person is None:
        return page(request, "enter.html", status=403, token="", refused=True)
    sessions, cookie = desk.identities.sessions, desk.identities.cookie(request)
    sessions.take(request.cookies.get(cookie, ""))
    answer = RedirectResponse("/", status_code=303)
    answer.set_cookie(cookie, sessions.issue(person), httponly=True, samesite="strict")
    return answer


async def leave(request: Request) -> Response:
    """End the session."""
    identities = desk_of(request).identities
    identities.sessions.take(request.cookies.get(identities.cookie(request), ""))
    answer = RedirectResponse("/enter", status_code=303)
    answer.delete_cookie(identities.cookie(request))
    return answer

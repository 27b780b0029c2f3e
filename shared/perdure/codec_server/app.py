"""The HTTP application: ``/encode`` and ``/decode`` as Temporal's UI calls them, and a login page.

Source: Temporal's documentation of codec servers: POST with the header ``X-Namespace``, CORS with credentials.
"""

import json
from collections.abc import Sequence
from html import escape
from typing import Final

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from perdure.codec_server.decryption import Decryption
from perdure.codec_server.logins import SESSION_SECONDS, Logins
from perdure.codec_server.payload_json import read_payloads, write_payloads
from perdure.errors import NotKept, PerdureError, WrongArgument

__all__ = ["create_app"]

_COOKIE: Final = "perdure_codec"
_STATUS: Final = {ValueError: 400, WrongArgument: 400, NotKept: 409}  # others may pass: 503
_LONGEST: Final = 64 * 1024 * 1024  # bytes of a request
_NO_RUN: Final = (
    "Perdure encrypts each value for its run, and Temporal's UI does not say for which run this one is. Send it by "
    "`perdure runs signal`, `perdure runs update` or an event instead."
)
_LOG_IN: Final = "Log in first: open /login of this server in the browser, or send a token as a bearer."
_PAGE: Final = """<!doctype html><html lang="en"><title>Perdure: read encrypted values</title>
<form method="post" action="/login"><p>{text}</p>
<label>Token <input type="password" name="token" autocomplete="current-password" autofocus></label>
<button>Log in</button></form></html>"""
_HOME: Final = "<!doctype html><title>Perdure</title><p>{name}, Temporal's UI can decrypt for you now.</p>"


def create_app(logins: Logins, decryption: Decryption, *, origins: Sequence[str], secure: bool) -> Starlette:
    """Build the application.

    Args:
        logins: Who may decrypt.
        decryption: Decrypts and records.
        origins: The origins of Temporal's UI, such as ``http://localhost:8233``.
        secure: Whether browsers send the cookie over HTTPS only, and from a UI of another site.
    """
    pages = _Pages(logins, decryption, secure=secure)
    cors = Middleware(
        CORSMiddleware,
        allow_origins=list(origins),
        allow_methods=["POST"],
        allow_headers=["content-type", "x-namespace", "authorization"],
        allow_credentials=True,
    )
    routes = [
        Route("/", pages.home),
        Route("/login", pages.login, methods=["GET", "POST"]),
        Route("/decode", pages.decode, methods=["POST"]),
        Route("/encode", pages.encode, methods=["POST"]),
    ]
    return Starlette(routes=routes, middleware=[cors])


class _Pages:
    def __init__(self, logins: Logins, decryption: Decryption, *, secure: bool) -> None:
        self._logins = logins
        self._decryption = decryption
        self._secure = secure

    async def decode(self, request: Request) -> Response:
        """Decrypt what somebody looks at."""
        if (by := self._person(request)) is None:
            return _error(401, _LOG_IN)
        body = await request.body()
        if len(body) > _LONGEST:
            return _error(413, f"The request has more than {_LONGEST} bytes.")
        try:
            payloads, namespace = read_payloads(json.loads(body)), request.headers.get("x-namespace", "")
            opened = await self._decryption.decrypt(payloads, by=by, namespace=namespace)
        except (ValueError, PerdureError) as error:
            status = next((code for kind, code in _STATUS.items() if isinstance(error, kind)), 503)
            return _error(status, str(error))
        return JSONResponse(write_payloads(opened))

    async def encode(self, request: Request) -> Response:
        """Refuse: a value that is encrypted for no run could not be read by any."""
        return _error(400, _NO_RUN) if self._person(request) else _error(401, _LOG_IN)

    async def login(self, request: Request) -> Response:
        """Show the form, or open a session."""
        if request.method == "GET":
            return HTMLResponse(_PAGE.format(text="Your token lets you read encrypted values. Each look is recorded."))
        async with request.form() as form:
            name = self._logins.name_of(str(form.get("token", "")))
        if name is None:
            return HTMLResponse(_PAGE.format(text="This token is nobody's. Look into the file of tokens."), 401)
        answer = RedirectResponse("/", status_code=303)
        answer.set_cookie(
            _COOKIE,
            self._logins.open_session(name),
            max_age=SESSION_SECONDS,
            httponly=True,
            secure=self._secure,
            samesite="none" if self._secure else "strict",
        )
        return answer

    async def home(self, request: Request) -> Response:
        """Say who is logged in."""
        if (name := self._person(request)) is None:
            return RedirectResponse("/login", status_code=303)
        return HTMLResponse(_HOME.format(name=escape(name)))

    def _person(self, request: Request) -> str | None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and (name := self._logins.name_of(token.strip())) is not None:
            return name
        return self._logins.name_in(request.cookies.get(_COOKIE, ""))


def _error(status: int, text: str) -> Response:
    return JSONResponse({"message": text}, status_code=status)

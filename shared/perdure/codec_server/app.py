"""The HTTP application: ``/encode`` and ``/decode`` as Temporal's UI calls them, and a login page.

Source: Temporal's documentation of codec servers: POST with the header ``X-Namespace``, CORS with credentials.
"""

import json
import logging
import re
from collections.abc import Sequence
from html import escape
from typing import Final
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from perdure.codec_server.decryption import Decryption
from perdure.codec_server.logins import SESSION_SECONDS, Logins
from perdure.codec_server.payload_json import read_payloads, write_payloads
from perdure.errors import NotKept, PerdureError, SetupError, WrongArgument

__all__ = ["create_app"]

_log: Final = logging.getLogger(__name__)

_COOKIE: Final = "perdure_codec"
_STATUS: Final = {ValueError: 400, WrongArgument: 400, NotKept: 409}  # others may pass: 503
_LONGEST: Final = 64 * 1024 * 1024  # bytes of a request
_LONGEST_LOGIN: Final = 4096  # bytes
_ORIGIN: Final = re.compile(r"https?://[\w.\-\[\]:]+")
_NO_RUN: Final = (
    "Perdure encrypts each value for its run, and Temporal's UI does not say for which run this one is. Send it by "
    "`perdure runs signal`, `perdure runs update` or an event instead."
)
_NOT_FROM_HERE: Final = (
    "This server decrypts for Temporal's UI, and the request comes from elsewhere: open the UI by an address that "
    "`--origin` of this server names, or send a token as a bearer."
)
_NO_TOKENS: Final = "The tokens cannot be read, so nobody can log in: the log of this server says why."
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

    Raises:
        WrongArgument: An origin is none, or would let all sites in.
    """
    for origin in origins:
        if not _ORIGIN.fullmatch(origin):
            raise WrongArgument(f"--origin {origin!r} is no origin: write such as http://localhost:8233.")
    pages = _Pages(logins, decryption, origins=origins, secure=secure)
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
    return Starlette(routes=routes, middleware=[cors], exception_handlers={SetupError: _no_tokens})


class _Pages:
    def __init__(self, logins: Logins, decryption: Decryption, *, origins: Sequence[str], secure: bool) -> None:
        self._logins = logins
        self._decryption = decryption
        self._origins = origins
        self._secure = secure

    async def decode(self, request: Request) -> Response:
        """Decrypt what somebody looks at."""
        if (by := self._person(request)) is None:
            return _error(401, _LOG_IN)
        if not self._is_from_ui(request):
            return _error(403, _NOT_FROM_HERE)
        if (body := await _body(request, _LONGEST)) is None:
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
        if (body := await _body(request, _LONGEST_LOGIN)) is None:
            return _error(413, f"The request has more than {_LONGEST_LOGIN} bytes.")
        name = self._logins.name_of(parse_qs(body.decode(errors="replace")).get("token", [""])[0].strip())
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

    def _is_from_ui(self, request: Request) -> bool:
        """Return whether a page of the UI asks, or no page at all: a browser adds a cookie for any page, no bearer."""
        return request.headers.get("origin") in self._origins or self._bearer(request) is not None

    def _person(self, request: Request) -> str | None:
        return self._bearer(request) or self._logins.name_in(request.cookies.get(_COOKIE, ""))

    def _bearer(self, request: Request) -> str | None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        return self._logins.name_of(token.strip()) if scheme.lower() == "bearer" else None


async def _body(request: Request, longest: int) -> bytes | None:
    """Return the body; None if it is longer, without reading on."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > longest:
            return None
    return bytes(body)


async def _no_tokens(request: Request, error: Exception) -> Response:  # noqa: ARG001 (Starlette's signature)
    """Answer while the file of tokens cannot be read: its path is for the log alone."""
    _log.error("%s", error)
    return _error(503, _NO_TOKENS)


def _error(status: int, text: str) -> Response:
    return JSONResponse({"message": text}, status_code=status)

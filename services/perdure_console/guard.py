"""The guard before every page: which host is asked, from where a form comes, who asks, and what the answer may do."""

import secrets
from typing import Any, Final
from urllib.parse import urlsplit

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from perdure.config.services import ConsoleSettings
from perdure_console.identity import Identities

__all__ = ["ENTER", "STATIC", "Guard"]

ENTER: Final = "/enter"
STATIC: Final = "/static/"
_LOOPBACK: Final = {"127.0.0.1", "::1", "localhost"}
_READING: Final = {"GET", "HEAD"}
_NONCE_BYTES: Final = 16
_FIXED: Final = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "same-origin",  # with `no-referrer`, browsers send the origin `null` with forms
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex",
}


def _policy(nonce: str) -> str:
    """Return the Content-Security-Policy: only our own script files run, and only htmx turns text into elements."""
    return (
        f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'; "
        "trusted-types htmx"
    )


class Guard:
    """Refuses other hosts, forms of other pages and strangers, before a page sees the request.

    Args:
        app: The pages.
        settings: The section ``console``.
        identities: Knows who asks.
    """

    def __init__(self, app: ASGIApp, settings: ConsoleSettings, identities: Identities) -> None:
        self._app = app
        self._own = None if settings.url is None else urlsplit(str(settings.url))
        self._identities = identities

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or let the pages answer it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request, nonce = Request(scope), secrets.token_urlsafe(_NONCE_BYTES)
        request.state.nonce = nonce

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update({**_FIXED, "Content-Security-Policy": _policy(nonce)})
            await send(message)

        refusal = self._refusal(request)
        await (self._app if refusal is None else refusal)(scope, receive, send_guarded)

    def _refusal(self, request: Request) -> Response | None:
        host = request.headers.get("host", "")
        if not self._is_own(host):
            return PlainTextResponse(f"This is not {host}.\n", status_code=421)
        if request.method not in _READING and request.headers.get("origin") != self._origin(host):
            return PlainTextResponse("This form comes from another page: open it anew and send it from there.\n", 403)
        path: str = request.url.path
        request.state.person = person = self._identities.of(request)
        if person is not None or path.startswith(STATIC) or (path == ENTER and not self._identities.by_proxy):
            return None
        if self._identities.by_proxy:
            return PlainTextResponse("Nobody has logged you in.\n", status_code=401)
        return RedirectResponse(ENTER, status_code=303) if _is_page(request) else PlainTextResponse("Enter.\n", 401)

    def _is_own(self, host: str) -> bool:
        """Return whether a name is ours: under a stranger's, a page of theirs would be of our own origin."""
        if self._own is not None:
            return host == self._own.netloc
        try:
            return urlsplit(f"//{host}").hostname in _LOOPBACK
        except ValueError:
            return False

    def _origin(self, host: str) -> str:
        return f"http://{host}" if self._own is None else f"{self._own.scheme}://{self._own.netloc}"


def _is_page(request: Request) -> bool:
    headers: Any = request.headers
    return request.method in _READING and "text/event-stream" not in headers.get("accept", "")

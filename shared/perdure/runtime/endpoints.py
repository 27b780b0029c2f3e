"""The HTTP endpoints of a service: liveness, readiness and Prometheus metrics."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from faststream.asgi import AsgiFastStream, AsgiResponse, get
from prometheus_client import CollectorRegistry, make_asgi_app
from pydantic import JsonValue

from perdure.config.instance import current_instance
from perdure.config.settings import ServiceSettings
from perdure.errors import SetupError

__all__ = ["Health", "endpoints"]

ASGIApp = Callable[[Any, Any, Any], Awaitable[None]]


@dataclass(slots=True)
class Health:
    """The readiness of a service.

    Attributes:
        service: Its name.
        open: Start-up is complete.
        checks: Readiness checks of its dependencies, by name.
        facts: What ``/readyz`` answers beside the readiness, by name.
        front: An ASGI app that serves all other paths on the port, once set.
    """

    service: str
    open: bool = False
    checks: dict[str, Callable[[], Awaitable[bool]]] = field(default_factory=dict)
    facts: dict[str, Callable[[], JsonValue]] = field(default_factory=dict)
    front: ASGIApp | None = None

    async def missing(self) -> list[str]:
        """Return the names of failed checks, and ``start-up`` until that is complete."""
        checks = list(self.checks.items())  # a copy: start-up may add checks meanwhile
        return [name for name, check in checks if not await check()] + ([] if self.open else ["start-up"])


@asynccontextmanager
async def endpoints(own: ServiceSettings, health: Health, registry: CollectorRegistry) -> AsyncIterator[None]:
    """Serve ``/healthz``, ``/readyz`` and ``/metrics`` for the duration of the block.

    Raises:
        SetupError: The port is taken.
    """
    listening = _listen(health.service, own)
    config = uvicorn.Config(
        _app(health, registry),
        log_config=None,
        access_log=False,
        lifespan="off",
        proxy_headers=False,  # who connects is who connects, whatever a header says
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        yield
    finally:
        server.should_exit = True
        await serving


class _Server(uvicorn.Server):
    """A uvicorn server that leaves SIGTERM and SIGINT to the service."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _listen(service: str, own: ServiceSettings) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in own.http_host else socket.AF_INET
        return socket.create_server((own.http_host, own.http_port), family=family)
    except OSError as error:
        where = f"{own.http_host}:{own.http_port}"
        raise SetupError(
            f"Cannot listen on {where} ({error.strerror}): set another `{service}.http_port` or `{service}.http_host`."
        ) from error


def _app(health: Health, registry: CollectorRegistry) -> ASGIApp:
    @get
    async def healthz(_: dict[str, Any]) -> AsgiResponse:
        return AsgiResponse(b"ok", status_code=200)

    @get
    async def readyz(_: dict[str, Any]) -> AsgiResponse:
        missing = await health.missing()
        facts = {name: fact() for name, fact in health.facts.items()}
        answer = {"service": health.service, "instance": current_instance(), "missing": missing, **facts}
        return AsgiResponse(json.dumps(answer).encode(), status_code=503 if missing else 200)

    routes: dict[str, Any] = {"/healthz": healthz, "/readyz": readyz, "/metrics": make_asgi_app(registry)}
    own = AsgiFastStream(asgi_routes=list(routes.items()))

    async def app(scope: Any, receive: Any, send: Any) -> None:
        serves = own if health.front is None or scope.get("path") in routes else health.front
        await serves(scope, receive, send)

    return app

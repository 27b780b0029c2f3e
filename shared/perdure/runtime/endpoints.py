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
from prometheus_client import CollectorRegistry, Metric
from pydantic import JsonValue

from perdure.config.instance import current_instance
from perdure.config.settings import ServiceSettings
from perdure.errors import SetupError
from perdure.runtime.metrics import MetricSource, metrics_app
from perdure.runtime.task_gauge import alive_tasks
from perdure.telemetry.catalogue import READY

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
        registry: What the process counts.
        sources: What ``/metrics`` looks up when it is asked, by name.
        front: An ASGI app that serves all other paths on the port, once set.
    """

    service: str
    open: bool = False
    checks: dict[str, Callable[[], Awaitable[bool]]] = field(default_factory=dict)
    facts: dict[str, Callable[[], JsonValue]] = field(default_factory=dict)
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    sources: dict[str, MetricSource] = field(default_factory=lambda: {"tasks": alive_tasks})
    front: ASGIApp | None = None

    def __post_init__(self) -> None:
        self.sources["readiness"] = self._ready

    async def missing(self) -> list[str]:
        """Return the names of failed checks, and ``start-up`` until that is complete."""
        checks = list(self.checks.items())  # a copy: start-up may add checks meanwhile
        return [name for name, check in checks if not await check()] + ([] if self.open else ["start-up"])

    async def _ready(self) -> list[Metric]:
        return [READY.value(0 if await self.missing() else 1)]


@asynccontextmanager
async def endpoints(own: ServiceSettings, health: Health) -> AsyncIterator[None]:
    """Serve ``/healthz``, ``/readyz`` and ``/metrics`` for the duration of the block.

    Raises:
        SetupError: The port is taken.
    """
    listening = _listen(health.service, own)
    config = uvicorn.Config(
        _app(health),
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


def _app(health: Health) -> ASGIApp:
    @get
    async def healthz(_: dict[str, Any]) -> AsgiResponse:
        return AsgiResponse(b"ok", status_code=200)

    @get
    async def readyz(_: dict[str, Any]) -> AsgiResponse:
        missing = await health.missing()
        facts = {name: fact() for name, fact in health.facts.items()}
        answer = {"service": health.service, "instance": current_instance(), "missing": missing, **facts}
        return AsgiResponse(json.dumps(answer).encode(), status_code=503 if missing else 200)

    routes: dict[str, Any] = {
        "/healthz": healthz,
        "/readyz": readyz,
        "/metrics": metrics_app(health.registry, health.sources),
    }
    own = AsgiFastStream(asgi_routes=list(routes.items()))

    async def app(scope: Any, receive: Any, send: Any) -> None:
        serves = own if health.front is None or scope.get("path") in routes else health.front
        await serves(scope, receive, send)

    return app

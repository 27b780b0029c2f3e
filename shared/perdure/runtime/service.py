"""Runs a service: opens its parts outermost first, closes them in reverse, and stops on a signal at any point."""

import asyncio
import logging
import signal
import sys
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Final

from opentelemetry.sdk.resources import Resource
from prometheus_client import ProcessCollector, disable_created_metrics

from perdure.bus.app import App
from perdure.bus.content import content_of
from perdure.bus.jetstream.bus import NatsBus
from perdure.bus.jetstream.connecting import connect
from perdure.bus.jetstream.consumer_guard import ConsumerGuard
from perdure.bus.jetstream.gauges import JetStreamGauges
from perdure.bus.jetstream.provision import provision
from perdure.bus.jetstream.subscriptions import subscribed
from perdure.bus.jetstream.trimmer import Trimmer
from perdure.config.loader import load_settings
from perdure.config.settings import ServiceSettings, Settings
from perdure.errors import SetupError
from perdure.runtime.background import background
from perdure.runtime.endpoints import Health, endpoints
from perdure.runtime.published_metrics import PublishedMetrics
from perdure.telemetry.logs import set_up_logs
from perdure.telemetry.tracing import Provider, tracing

__all__ = ["OpenDoor", "OpenService", "run", "run_door"]

_REPORTS_STREAMS: Final = "audit"
"""The service whose metrics show all streams: there is one process of it."""

_log = logging.getLogger(__name__)

OpenService = Callable[[Settings, NatsBus, Health], AbstractAsyncContextManager[App]]
"""Opens the resources that a service needs beside the bus, and yields its app."""

OpenDoor = Callable[[Settings, NatsBus, Health], AbstractAsyncContextManager[None]]
"""Opens a service that consumes nothing: a door for people, which only reads and asks."""


def run(
    service: str, open_service: OpenService, *, create_provider: Callable[[Resource], Provider] | None = None
) -> None:
    """Run a service until SIGTERM or SIGINT, then settle its messages in progress and close everything in order.

    Args:
        service: Its name, which is also its section of the configuration.
        open_service: Opens the service's own resources, after the bus is connected and before messages are consumed.
        create_provider: Creates the tracer provider; by default the SDK's own.
    """
    _run(service, lambda settings: _serve(service, settings, open_service), create_provider)


def run_door(service: str, open_door: OpenDoor) -> None:
    """Run a service that makes no stream and consumes none, until SIGTERM or SIGINT; see ``run``."""
    _run(service, lambda settings: _serve_people(service, settings, open_door), None)


def _run(
    service: str,
    serve: Callable[[Settings], Coroutine[None, None, None]],
    create_provider: Callable[[Resource], Provider] | None,
) -> None:
    set_up_logs(service)
    try:
        settings = load_settings()
        error_texts = not settings.encryption.is_on
        set_up_logs(service, settings.telemetry, error_texts=error_texts)
        folder = settings.state / "traces" if settings.telemetry.span_files else None
        with tracing(service, folder=folder, create=create_provider, error_texts=error_texts):
            asyncio.run(_until_signalled(serve(settings), partial(_reload_logs, service)))
    except SetupError as error:
        _log.critical("%s", error)
        sys.exit(1)
    except Exception as error:  # noqa: BLE001 (the boundary: the error is logged and the supervisor restarts the process)
        _log.critical("%s ends: %r", service, error, exc_info=error)
        sys.exit(1)


async def _until_signalled(work: Coroutine[None, None, None], reload_logs: Callable[[], None]) -> None:
    task = asyncio.create_task(work)
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, task.cancel)
    loop.add_signal_handler(signal.SIGUSR1, reload_logs)
    try:
        await task
    except asyncio.CancelledError:
        _log.info("stopped")


def _reload_logs(service: str) -> None:
    """Read the level and the format of logs again; a configuration that is wrong changes nothing."""
    try:
        settings = load_settings()
    except SetupError as error:
        _log.warning("the logs stay as they are: %s", error)
        return
    set_up_logs(service, settings.telemetry, error_texts=not settings.encryption.is_on)
    _log.warning("logs are %s from level %s on", settings.telemetry.log_format, settings.telemetry.log_level)


async def _serve(service: str, settings: Settings, open_service: OpenService) -> None:
    disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each counter, which nobody reads
    health = Health(service)
    ProcessCollector(registry=health.registry)
    own: ServiceSettings = getattr(settings, service)
    async with (
        endpoints(own, health),
        connect(settings.nats, source=f"perdure/{service}", role=service, content=content_of(settings)) as bus,
    ):
        health.checks["nats"] = bus.is_connected
        bus.observers.append(PublishedMetrics(service, health.registry).count)
        await provision(bus.js, service, settings.nats)
        async with (
            open_service(settings, bus, health) as app,
            subscribed(app, bus, settings.nats, health.registry),
            background(
                (guard := ConsumerGuard(app, bus.js, settings.nats)).watch(),
                Trimmer(bus.js, app).watch(),
                bus.watch_connection(),
            ),
        ):
            health.checks["consumers"] = guard.is_complete
            gauges = JetStreamGauges(bus.js, app, settings.nats)
            health.sources["consumers"] = gauges.consumers
            if service == _REPORTS_STREAMS:
                health.sources["streams"] = gauges.streams
            await _be_ready(health)


async def _serve_people(service: str, settings: Settings, open_door: OpenDoor) -> None:
    health = Health(service)
    ProcessCollector(registry=health.registry)
    own: ServiceSettings = getattr(settings, service)
    async with (
        endpoints(own, health),
        connect(settings.nats, source=f"perdure/{service}", role=service, content=content_of(settings)) as bus,
    ):
        health.checks["nats"] = bus.is_connected
        async with open_door(settings, bus, health), background(bus.watch_connection()):
            await _be_ready(health)


async def _be_ready(health: Health) -> None:
    """Say that the service is ready until it is cancelled."""
    health.open = True
    _log.info("ready")
    try:
        await asyncio.Event().wait()
    finally:
        health.open = False

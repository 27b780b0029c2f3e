"""Runs the orchestrator service: ``python -m perdure_orchestrator [--role both|bridge|worker]``."""

from argparse import ArgumentParser
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from opentelemetry.sdk.resources import Resource
from temporalio.contrib.opentelemetry import create_tracer_provider

from perdure.approvers import ApproversFile
from perdure.builds.version import Version, own_version
from perdure.bus.app import App
from perdure.bus.jetstream.bus import NatsBus
from perdure.bus.jetstream.key_value import NatsKeyValue
from perdure.bus.jetstream.objects import NatsObjects
from perdure.bus.views.recorded_approvers import RecordedApprovers
from perdure.bus.views.start_ledger import BUCKET, StartLedger
from perdure.config.problem import InvalidConfiguration
from perdure.config.route_attributes import attribute_types
from perdure.config.settings import Settings
from perdure.errors import SetupError
from perdure.flow.payload_store import PAYLOADS
from perdure.runtime.background import background
from perdure.runtime.endpoints import Health
from perdure.runtime.exit import exit_process
from perdure.runtime.server_clock import ServerClock
from perdure.runtime.service import run
from perdure.runtime.suite_pause import SuitePause
from perdure.telemetry.metering import metering
from perdure.telemetry.tracing import Provider
from perdure_orchestrator.agents.server_folder import folder_problems
from perdure_orchestrator.app import ENTRIES, Role, create_app
from perdure_orchestrator.approvals_check import record_policies, refuse_approvals, watch_approvers
from perdure_orchestrator.bridge_duties import bridge_duties
from perdure_orchestrator.broken_code import BrokenCode
from perdure_orchestrator.core_metrics import CoreMetrics
from perdure_orchestrator.decision_verifier import VERIFICATIONS
from perdure_orchestrator.own_metrics import show_own_metrics
from perdure_orchestrator.own_version import OwnVersion
from perdure_orchestrator.plugin import PerdurePlugin
from perdure_orchestrator.registry import Registry, load_registry
from perdure_orchestrator.run_attributes import RunAttributes
from perdure_orchestrator.schedules.change_log import ScheduleChangeLog
from perdure_orchestrator.schedules.reconciliation import RouteSchedules
from perdure_orchestrator.schedules.worker import due_worker, plain_client
from perdure_orchestrator.temporal import connect_temporal, is_reachable, keep_api_key
from perdure_orchestrator.worker import run_worker


@asynccontextmanager
async def _open(role: Role, settings: Settings, bus: NatsBus, health: Health) -> AsyncIterator[App]:
    entries = NatsKeyValue(bus.js, ENTRIES)
    broken = BrokenCode(bus, entries)
    registry, version = await _code(settings, broken)
    refuse_approvals(settings)
    if problems := list(folder_problems(settings)):
        raise InvalidConfiguration(*problems)
    approvers = RecordedApprovers(ApproversFile(settings.approvers_file), bus)
    objects = NatsObjects(bus.js, PAYLOADS)
    plugin = PerdurePlugin(
        settings,
        bus=bus,
        objects=objects,
        approvers=approvers,
        verifications=NatsKeyValue(bus.js, VERIFICATIONS),
    )
    core = CoreMetrics()
    client = await connect_temporal(settings.temporal, plugin, runtime=core.runtime)
    health.checks["temporal"] = partial(is_reachable, client)
    own = OwnVersion(client, settings.temporal.task_queue, version, has_worker=role != "bridge", bus=bus)
    health.checks["version"] = own.is_known
    health.facts["version"] = lambda: {**own.facts, "steps": plugin.running_steps}
    queue, verifier = settings.temporal.task_queue, plugin.verifier
    show_own_metrics(health, bus, client, queue, core=core, verifier=verifier, version=version, own=own)
    ledger = StartLedger(NatsKeyValue(bus.js, BUCKET))
    app = App("orchestrator", [])
    clock, pause = ServerClock(bus), SuitePause(bus)
    await pause.look()
    if role != "worker":
        await clock.ask()
        wanted = attribute_types(settings.routes)
        attributes = RunAttributes(client, wanted, may_register=settings.execution_engine == "local")
        await attributes.first_look()
        schedules = RouteSchedules(
            plain_client(client),
            settings.routes,
            settings.temporal.task_queue,
            changes=ScheduleChangeLog(bus, settings.routes),
            is_current=lambda: own.duty.is_on,
        )
        health.facts["search_attributes"] = lambda: {"problem": attributes.problem}
        app = create_app(
            client,
            bus,
            ledger,
            registry,
            settings,
            approvers=approvers,
            entries=entries,
            now=clock.now,
            objects=objects,
            attributes=attributes,
            schedules=schedules,
            duty=own.duty,
            unless_paused=pause.over,
            verify_ahead=plugin.verifier.verify_ahead if role == "both" else None,
        )
    async with AsyncExitStack() as stack:
        stack.enter_context(metering(health.registry))
        await stack.enter_async_context(background(keep_api_key(client, settings.temporal), pause.watch()))
        if role != "worker":
            await record_policies(settings, bus)
            duties = bridge_duties(
                client,
                bus,
                settings,
                entries=entries,
                ended=plugin.ended,
                attributes=attributes,
                schedules=schedules,
            )
            watching = watch_approvers(approvers, settings)
            await stack.enter_async_context(background(clock.run(), watching, *duties))
        if role != "bridge":
            due = due_worker(plain_client(client), bus, settings.temporal.task_queue)
            await stack.enter_async_context(due)
            try:
                serving = run_worker(client, registry, settings, version, unless_paused=pause.over)
                await stack.enter_async_context(serving)
            except RuntimeError as error:  # temporalio's error for code that its sandbox refuses
                await broken.report(error)
                raise
        await stack.enter_async_context(background(own.watch()))
        await broken.clear()
        yield app


async def _code(settings: Settings, broken: BrokenCode) -> tuple[Registry, Version | None]:
    try:
        return load_registry(settings.workflows), own_version(settings.temporal, settings.workflows)
    except SetupError as error:
        await broken.report(error)
        raise


def main() -> None:
    """Read the role and run."""
    parser = ArgumentParser(prog="python -m perdure_orchestrator", description=__doc__)
    parser.add_argument("--role", choices=["both", "bridge", "worker"], default="both")
    role: Role = parser.parse_args().role
    run("orchestrator", partial(_open, role), create_provider=_create_provider)


def _create_provider(resource: Resource) -> Provider:
    return create_tracer_provider(resource=resource, shutdown_on_exit=False)


if __name__ == "__main__":
    try:
        main()
    except SystemExit as ending:
        exit_process(ending.code)
    exit_process(0)

"""Runs the orchestrator service: ``python -m perdure_orchestrator [--role both|bridge|worker]``."""

from argparse import ArgumentParser
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

from opentelemetry.sdk.resources import Resource
from temporalio.contrib.opentelemetry import create_tracer_provider

from perdure.approvers import ApproversFile
from perdure.builds.version import own_version
from perdure.bus.app import App
from perdure.bus.jetstream.bus import NatsBus
from perdure.bus.jetstream.key_value import NatsKeyValue
from perdure.bus.jetstream.objects import NatsObjects
from perdure.bus.views.recorded_approvers import RecordedApprovers
from perdure.bus.views.start_ledger import BUCKET, StartLedger
from perdure.config.problem import InvalidConfiguration
from perdure.config.settings import Settings
from perdure.errors import SetupError
from perdure.flow.payload_store import PAYLOADS
from perdure.runtime.background import background
from perdure.runtime.endpoints import Health
from perdure.runtime.exit import exit_process
from perdure.runtime.server_clock import ServerClock
from perdure.runtime.service import run
from perdure.telemetry.tracing import Provider
from perdure_orchestrator.agents.server_folder import folder_problems
from perdure_orchestrator.app import ENTRIES, Role, create_app
from perdure_orchestrator.approvals_check import record_policies, refuse_approvals, watch_approvers
from perdure_orchestrator.broken_code import BrokenCode
from perdure_orchestrator.decision_verifier import VERIFICATIONS
from perdure_orchestrator.mended_runs import FORGET_EVERY, MendedRuns
from perdure_orchestrator.open_runs import RENEW_EVERY, OpenRunFacts
from perdure_orchestrator.own_version import OwnVersion
from perdure_orchestrator.plugin import PerdurePlugin
from perdure_orchestrator.reconciler import LOOK_BACK_EVERY, Reconciler
from perdure_orchestrator.registry import load_registry
from perdure_orchestrator.repetition import repeat_for_ever
from perdure_orchestrator.room_watch import LOOK_EVERY, RoomWatch
from perdure_orchestrator.temporal import connect_temporal, is_reachable, keep_api_key
from perdure_orchestrator.worker import run_worker


@asynccontextmanager
async def _open(role: Role, settings: Settings, bus: NatsBus, health: Health) -> AsyncIterator[App]:
    entries = NatsKeyValue(bus.js, ENTRIES)
    broken = BrokenCode(bus, entries)
    try:
        registry = load_registry(settings.workflows)
        version = own_version(settings.temporal, settings.workflows)
    except SetupError as error:
        await broken.report(error)
        raise
    refuse_approvals(settings)
    if problems := list(folder_problems(settings)):
        raise InvalidConfiguration(*problems)
    approvers = RecordedApprovers(ApproversFile(settings.approvers_file), bus)
    plugin = PerdurePlugin(
        settings,
        bus=bus,
        objects=NatsObjects(bus.js, PAYLOADS),
        approvers=approvers,
        verifications=NatsKeyValue(bus.js, VERIFICATIONS),
    )
    client = await connect_temporal(settings.temporal, plugin)
    health.checks["temporal"] = partial(is_reachable, client)
    own = OwnVersion(client, settings.temporal.task_queue, version, has_worker=role != "bridge", bus=bus)
    health.checks["version"] = own.is_known
    health.facts["version"] = lambda: {**own.facts, "steps": plugin.running_steps}
    ledger = StartLedger(NatsKeyValue(bus.js, BUCKET))
    app = App("orchestrator", [])
    clock = ServerClock(bus)
    if role != "worker":
        await clock.ask()
        app = create_app(
            client,
            bus,
            ledger,
            registry,
            settings,
            approvers=approvers,
            entries=entries,
            now=clock.now,
            duty=own.duty,
            verify_ahead=plugin.verifier.verify_ahead if role == "both" else None,
        )
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(background(keep_api_key(client, settings.temporal)))
        if role != "worker":
            reconciler = Reconciler(client, bus, settings.temporal, entries=entries, ended=plugin.ended)
            every = settings.orchestrator.reconcile_every
            looking = repeat_for_ever(reconciler.reconcile, every, what="reconcile endings")
            await record_policies(settings, bus)
            facts = OpenRunFacts(client, bus, settings.temporal)
            listing = repeat_for_ever(facts.renew, RENEW_EVERY, what="renew the facts of open runs")
            mended = repeat_for_ever(MendedRuns(client, bus).forget, FORGET_EVERY, what="forget mended runs")
            backwards = repeat_for_ever(reconciler.look_back, LOOK_BACK_EVERY, what="look back at completed runs")
            watch = RoomWatch(bus, bus.js, settings.nats.stream_limits, _own_state(settings))
            room = repeat_for_ever(watch.look, LOOK_EVERY, what="look at the room of streams and disks")
            duties = clock.run(), looking, backwards, listing, mended, room, watch_approvers(approvers, settings)
            await stack.enter_async_context(background(*duties))
        if role != "bridge":
            try:
                await stack.enter_async_context(run_worker(client, registry, settings, version))
            except RuntimeError as error:  # temporalio's error for code that its sandbox refuses
                await broken.report(error)
                raise
        await stack.enter_async_context(background(own.watch()))
        await broken.clear()
        yield app


def _own_state(settings: Settings) -> Path | None:
    """Return the state folder if all parts of the suite have theirs in it."""
    return settings.state if settings.execution_engine == "local" else None


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

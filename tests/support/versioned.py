"""Orchestrators of several versions in one process, on a real Temporal server: each has a client of its own."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest_asyncio
from temporalio.client import Client, WorkflowHandle
from temporalio.testing import WorkflowEnvironment

from perdure.approvers import ApproversFile
from perdure.builds.version import Version
from perdure.bus import MemoryBus, MemoryKeyValue, MemoryObjects
from perdure.bus.views.recorded_approvers import RecordedApprovers
from perdure.bus.views.start_ledger import StartLedger
from perdure.config.settings import Settings, TemporalSettings
from perdure.connections.temporal_internals import workflow_name
from perdure.runtime.background import background
from perdure.testing.scripted_model import ScriptedModel
from perdure.versions.acts import VersionActs
from perdure_orchestrator.activities import AgentBackends
from perdure_orchestrator.bridge import Bridge
from perdure_orchestrator.own_version import OwnVersion
from perdure_orchestrator.plugin import PerdurePlugin
from perdure_orchestrator.registry import Registry
from perdure_orchestrator.worker import run_worker
from tests.support.binaries import binary

_QUICK_DRAINAGE = [
    flag
    for name in ("VersionDrainageStatusVisibilityGracePeriod", "VersionDrainageStatusRefreshInterval")
    for flag in ("--dynamic-config-value", f'matching.wv.{name}="1s"')
]
"""Arguments of Temporal's development server: by default it takes minutes until a version counts as drained."""


@dataclass(frozen=True, slots=True)
class Orchestrator:
    """One running worker, and what it knows of its version."""

    client: Client
    own: OwnVersion
    queue: str
    registry: Registry
    bus: MemoryBus

    @property
    def bridge(self) -> Bridge:
        """A bridge of this orchestrator's own, with a ledger of its own."""
        entries, bus = MemoryKeyValue(), MemoryBus()
        return Bridge(
            self.client,
            bus,
            StartLedger(entries),
            registry=self.registry,
            approvers=RecordedApprovers(ApproversFile(Path("missing.yaml")), bus),
            entries=entries,
            settings=TemporalSettings(task_queue=self.queue),
            is_current=lambda: self.own.is_current,
        )

    async def start(self, name: str, *args: Any, **options: Any) -> WorkflowHandle[Any, Any]:
        run_id = f"{name}-{uuid4().hex[:6]}"
        return await self.client.start_workflow(name, args=args, id=run_id, task_queue=self.queue, **options)


@dataclass(frozen=True, slots=True)
class House:
    """A worker deployment and a task queue that no other test has."""

    server: WorkflowEnvironment
    deployment: str = field(default_factory=lambda: f"d-{uuid4().hex[:6]}")
    queue: str = field(default_factory=lambda: uuid4().hex)

    @property
    def settings(self) -> Settings:
        temporal = {"task_queue": self.queue, "deployment": self.deployment, "sandbox": False}
        return Settings.model_validate({"temporal": temporal, "orchestrator": {"max_cached_runs": 0}})

    @property
    def acts(self) -> VersionActs:
        return VersionActs(self.server.client, self.deployment, self.queue, by="ann")

    @asynccontextmanager
    async def orchestrator(
        self, build: str | None, *workflows: type, activities: tuple[Callable[..., Any], ...] = ()
    ) -> AsyncIterator[Orchestrator]:
        """Run an orchestrator's worker of this build; of no version if that is None."""
        backends = AgentBackends(ScriptedModel(()), {})
        plugin = PerdurePlugin(self.settings, bus=MemoryBus(), objects=MemoryObjects(), backends=backends)
        target = self.server.client.service_client.config.target_host
        client = await Client.connect(target, plugins=[plugin], identity=f"{build}@{uuid4().hex[:4]}")
        version = None if build is None else Version(self.deployment, build)
        registry = Registry({workflow_name(it) or "": it for it in workflows}, activities)
        bus = MemoryBus()
        own = OwnVersion(client, self.queue, version, has_worker=True, bus=bus)
        async with run_worker(client, registry, self.settings, version), background(own.watch()):
            yield Orchestrator(client, own, self.queue, registry, bus)


def shared_server(*flags: str) -> Any:
    """Return a fixture that runs one Temporal server for all tests of a module; its versions are drained soon.

    Args:
        flags: More arguments of the server.
    """

    @pytest_asyncio.fixture(scope="module", loop_scope="session")
    async def server() -> AsyncIterator[WorkflowEnvironment]:
        async with await WorkflowEnvironment.start_local(
            dev_server_existing_path=binary("temporal"), dev_server_extra_args=[*_QUICK_DRAINAGE, *flags]
        ) as environment:
            yield environment

    return server


async def ended(run: WorkflowHandle[Any, Any]) -> Any:
    """Let a waiting run end, and return its result."""
    async with asyncio.timeout(60):
        await run.signal("end")
        return await run.result()


async def until(fact: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not fact():
            await asyncio.sleep(0.05)


async def build_of(run: WorkflowHandle[Any, Any]) -> str:
    """Return the build on which the next task of a run goes, or its last one went."""
    found = (await run.describe()).raw_description.workflow_execution_info.versioning_info
    chosen = found.versioning_override.pinned.version or found.versioning_override.one_time.target_deployment_version
    return chosen.build_id or found.deployment_version.build_id

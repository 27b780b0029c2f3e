"""What a process knows of its version while Temporal answers some requests and fails at others."""

from types import SimpleNamespace
from typing import Any

from temporalio.service import RPCError, RPCStatusCode

from perdure.builds.version import Version
from perdure.bus import MemoryBus
from perdure.runtime.background import background
from perdure_orchestrator.own_version import OwnVersion
from tests.support.versioned import until


class Temporal:
    """Says that another version is current; counts no open run once, and then fails to count."""

    def __init__(self) -> None:
        self.namespace, self.identity, self.workflow_service = "default", "test", self
        self.counts = 0

    async def describe_task_queue(self, _: Any, **__: Any) -> Any:
        current = SimpleNamespace(deployment_name="perdure", build_id="new")
        return SimpleNamespace(versioning_info=SimpleNamespace(current_deployment_version=current))

    async def count_workflows(self, _: str) -> Any:
        self.counts += 1
        if self.counts > 1:
            raise RPCError("visibility is away", RPCStatusCode.UNAVAILABLE, b"")
        return SimpleNamespace(count=0)


async def test_a_count_of_before_does_not_hold_when_the_next_one_fails() -> None:
    temporal: Any = Temporal()
    own = OwnVersion(temporal, "perdure", Version("perdure", "old"), has_worker=True, bus=MemoryBus())
    async with background(own.watch()):
        await until(lambda: temporal.counts > 1)

    assert own.open_runs is None

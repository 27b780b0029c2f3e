"""Hundreds of runs that fail at once cost Temporal one look each, and people a few alerts."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import cast

from temporalio.api.enums.v1.workflow_pb2 import WORKFLOW_EXECUTION_STATUS_RUNNING
from temporalio.api.workflowservice.v1 import DescribeWorkflowExecutionRequest, DescribeWorkflowExecutionResponse
from temporalio.client import Client
from temporalio.converter import DataConverter

from perdure.bus import MemoryBus, RawMessage
from perdure.bus.views.stuck_runs import stuck_runs
from perdure.contracts import Alert, Progress
from perdure_orchestrator.stuck_alerts import StuckAlerts
from perdure_orchestrator.stuck_runs import StuckRuns
from perdure_orchestrator.task_failure import TaskFailure

FAILURE = TaskFailure("KeyError", "KeyError: 'name' (greetings.py:21)", "greetings.py:21")
MANY = 300


@dataclass
class Temporal:
    """Describes each run, counts that, and offers no history."""

    attempt: int = 3
    looks: Counter[str] = field(default_factory=Counter)
    namespace: str = "default"
    data_converter: DataConverter = field(default_factory=DataConverter)

    @property
    def workflow_service(self) -> "Temporal":
        return self

    async def describe_workflow_execution(
        self,
        request: DescribeWorkflowExecutionRequest,
        *,
        retry: bool,  # noqa: ARG002 (the client's signature)
    ) -> DescribeWorkflowExecutionResponse:
        self.looks[request.execution.run_id] += 1
        found = DescribeWorkflowExecutionResponse()
        found.pending_workflow_task.attempt = self.attempt
        info = found.workflow_execution_info
        info.execution.CopyFrom(request.execution)
        info.type.name, info.status = "Greeting", WORKFLOW_EXECUTION_STATUS_RUNNING
        info.start_time.FromDatetime(datetime.now(UTC))
        return found


async def fail(runs: StuckRuns, temporal: Temporal, *, number: int, times: int = 1) -> None:
    for _ in range(times):
        for it in range(number):
            runs.task_failed(cast("Client", temporal), f"r{it}", f"Greeting~{it}", FAILURE)
        await asyncio.sleep(0)


async def until(bus: MemoryBus, number: int) -> None:
    async with asyncio.timeout(60):
        while len(await bus.count_by_subject("stuck.>")) < number:
            await asyncio.sleep(0.05)


def alerts(bus: MemoryBus) -> list[Alert]:
    return [it for it in bus.published if isinstance(it, Alert)]


async def test_hundreds_of_failing_runs_cost_one_look_each_and_raise_few_alerts() -> None:
    bus, temporal = MemoryBus(), Temporal()
    runs = StuckRuns(bus, StuckAlerts(bus, wait=0.5))

    await fail(runs, temporal, number=MANY, times=3)
    await until(bus, MANY)
    await fail(runs, temporal, number=MANY, times=3)
    async with asyncio.timeout(60):
        while sum(_counted(alert) for alert in alerts(bus)) < MANY:
            await asyncio.sleep(0.05)

    assert set(temporal.looks.values()) == {1}
    assert len(alerts(bus)) < 20
    assert len(await stuck_runs(bus)) == MANY
    assert len([it for it in bus.published if isinstance(it, Progress)]) == MANY


async def test_a_failure_that_has_passed_is_no_reason_for_an_alert() -> None:
    bus, temporal = MemoryBus(), Temporal(attempt=2)
    runs = StuckRuns(bus)

    for _ in range(3):
        await fail(runs, temporal, number=1)
        while sum(temporal.looks.values()) == 0:
            await asyncio.sleep(0.05)
        temporal.looks.clear()
        runs.left_without_failure("r0")

    assert (bus.published, await stuck_runs(bus)) == ([], [])


async def test_another_process_that_finds_the_same_raises_no_second_alert() -> None:
    bus, temporal = MemoryBus(), Temporal()
    await fail(StuckRuns(bus), temporal, number=1)
    await until(bus, 1)
    before = bus.published

    restarted = StuckRuns(bus)
    await fail(restarted, temporal, number=1)
    async with asyncio.timeout(10):
        while temporal.looks["r0"] < 2:
            await asyncio.sleep(0.05)
    await asyncio.sleep(0)

    assert bus.published == before


async def test_a_fact_that_this_version_cannot_read_is_no_ending() -> None:
    bus, temporal = MemoryBus(), Temporal()
    await fail(StuckRuns(bus), temporal, number=1)
    await until(bus, 1)
    (fact,) = [it for it in bus.published if isinstance(it, Progress)]
    await bus.publish_raw(RawMessage(fact.subject, b'{"type": "progress", "kind": "of a newer version"}', {}))

    assert [it.workflow_id for it in await stuck_runs(bus)] == ["Greeting~0"]


def _counted(alert: Alert) -> int:
    first = alert.title.split()[0].replace(",", "")
    return int(first) if first.isdigit() else 1

"""Every private part of temporalio that Perdure uses; a version that changes one fails here."""

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import fields
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from temporalio import activity, workflow
from temporalio.client import Client, WorkflowFailureError
from temporalio.common import RawValue
from temporalio.converter import DataConverter, StorageDriverStoreContext
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from perdure.connections.data_converter import LeanDataConverter
from perdure.connections.temporal import converter
from perdure.connections.temporal_internals import (
    UnreadableInput,
    accept_any_signal_arguments,
    activity_name,
    enable_single_batch_activation,
    guard_handlers,
    is_completed_elsewhere,
    is_single_batch_activation,
    is_unhandled,
    kept_signals,
    on_eviction,
    restore_signals,
    run_parameters,
    shutdown_requested,
    watch_unhandled_signals,
    workflow_name,
)
from tests.support.binaries import binary


@activity.defn(name="named")
async def an_activity() -> None: ...


@activity.defn(dynamic=True)
async def a_dynamic_activity(_: Sequence[RawValue]) -> None: ...


@workflow.defn(name="Probe")
class ProbeWorkflow:
    """Returns how its tasks are activated, and accepts a signal of any shape."""

    def __init__(self) -> None:
        self.received: list[Any] = []

    @workflow.run
    async def run(self) -> list[Any]:
        handlers, guarded = accept_any_signal_arguments(), list[str]()
        guard_handlers(lambda kind, name, handler: guarded.append(f"{kind} {name}, {handler}"))
        for set_handler in (workflow.set_signal_handler, workflow.set_query_handler, workflow.set_update_handler):
            set_handler("more", None)
        await workflow.wait_condition(lambda: bool(self.received))
        return [is_single_batch_activation(), sorted(filter(None, handlers)), guarded, *self.received]

    @workflow.signal
    def take(self, number: int) -> None:
        self.received.append(number)


@workflow.defn(name="Keeper")
class KeeperWorkflow:
    """Returns the signals that came without a handler, those that it restores first."""

    @workflow.run
    async def run(self) -> list[Any]:
        seen, taken = list[str](), list[Any]()

        async def unhandled(name: str) -> None:
            seen.append(name)

        watch_unhandled_signals(unhandled)
        await workflow.wait_condition(lambda: len(seen) == 2)
        restore_signals([*kept_signals({"odd": [("restored",)]})][:1])
        kept = is_unhandled("odd"), is_unhandled("even"), [name for name, _ in kept_signals({})]
        workflow.set_signal_handler("odd", taken.append)
        await workflow.wait_condition(lambda: len(taken) == 3)
        return [*kept, *taken]


@pytest_asyncio.fixture
async def client() -> AsyncIterator[Client]:
    async with await WorkflowEnvironment.start_time_skipping(
        test_server_existing_path=binary("temporal-test-server"), data_converter=converter()
    ) as environment:
        yield environment.client


async def _probe(client: Client, *, single_batch: bool) -> list[Any]:
    queue = uuid4().hex
    worker = Worker(client, task_queue=queue, workflows=[ProbeWorkflow], workflow_runner=UnsandboxedWorkflowRunner())
    if single_batch:
        enable_single_batch_activation(worker)
    async with worker, asyncio.timeout(30):
        run = await client.start_workflow("Probe", id=uuid4().hex, task_queue=queue, task_timeout=timedelta(seconds=5))
        await run.query("__stack_trace")  # after this the run has started: its handlers accept any argument
        await run.signal("take", "no number")
        result: list[Any] = await run.result()
    return result


async def test_the_single_batch_activation_flag_is_set_and_read(client: Client) -> None:
    assert (await _probe(client, single_batch=True))[0] is True
    assert (await _probe(client, single_batch=False))[0] is False


async def test_a_handler_accepts_an_argument_of_another_type(client: Client) -> None:
    _, handlers, _, received = await _probe(client, single_batch=True)

    assert handlers == ["take"]
    assert received == "no number"


async def test_each_handler_that_a_run_sets_is_seen_before(client: Client) -> None:
    _, _, guarded, _ = await _probe(client, single_batch=True)

    assert guarded == ["signal more, None", "query more, None", "update more, None"]


async def test_a_worker_shows_why_a_run_leaves_its_memory(client: Client) -> None:
    queue, seen = uuid4().hex, list[tuple[str, str]]()
    worker = Worker(client, task_queue=queue, workflows=[ProbeWorkflow], workflow_runner=UnsandboxedWorkflowRunner())
    on_eviction(worker, lambda run_id, reason, _: seen.append((run_id, reason)))
    async with worker, asyncio.timeout(30):
        run = await client.start_workflow("Probe", id=uuid4().hex, task_queue=queue)
        await run.signal("take", 1)
        await run.result()
        while not seen:
            await asyncio.sleep(0.01)

    assert seen == [(run.first_execution_run_id, "WORKFLOW_EXECUTION_ENDING")]


@workflow.defn
class Numbered:
    @workflow.run
    async def run(self, number: int) -> int:
        return number


async def test_only_unreadable_input_is_of_its_class(client: Client) -> None:
    queue, runner = uuid4().hex, UnsandboxedWorkflowRunner()
    types = [UnreadableInput]
    worker = Worker(
        client, task_queue=queue, workflows=[Numbered], workflow_runner=runner, workflow_failure_exception_types=types
    )
    async with worker, asyncio.timeout(30):
        with pytest.raises(WorkflowFailureError, match="Workflow execution failed"):
            await client.execute_workflow("Numbered", "no number", id=uuid4().hex, task_queue=queue)

    assert not isinstance(RuntimeError("Failed decoding arguments"), UnreadableInput)
    assert not issubclass(workflow.NondeterminismError, UnreadableInput)


async def test_signals_without_a_handler_are_seen_kept_and_restored(client: Client) -> None:
    queue = uuid4().hex
    worker = Worker(client, task_queue=queue, workflows=[KeeperWorkflow], workflow_runner=UnsandboxedWorkflowRunner())
    async with worker, asyncio.timeout(30):
        run = await client.start_workflow("Keeper", id=uuid4().hex, task_queue=queue)
        await run.query("__stack_trace")
        await run.signal("odd", 1)
        await run.signal("odd", 3)
        result: list[Any] = await run.result()

    assert result == [True, False, ["odd", "odd", "odd"], "restored", 1, 3]


async def test_a_worker_that_does_not_run_yet_shows_that_it_shall_shut_down(client: Client) -> None:
    worker = Worker(client, task_queue="q", workflows=[ProbeWorkflow], workflow_runner=UnsandboxedWorkflowRunner())
    requested = asyncio.create_task(shutdown_requested(worker))
    await asyncio.sleep(0)
    assert not requested.done()

    async with asyncio.timeout(30):
        stopping = asyncio.create_task(worker.shutdown())
        await requested
        await worker.run()
        await stopping


def test_an_activity_that_somebody_else_completes_is_recognised() -> None:
    with pytest.raises(BaseException) as raised:  # noqa: PT011 (its class is private)
        activity.raise_complete_async()

    assert is_completed_elsewhere(raised.value)
    assert not is_completed_elsewhere(RuntimeError())


def test_the_names_of_workflows_and_activities_are_read() -> None:
    assert workflow_name(ProbeWorkflow) == "Probe"
    assert run_parameters(Numbered) == (Numbered.run, [int])
    assert activity_name(an_activity) == "named"
    assert activity_name(a_dynamic_activity) == "*"
    assert workflow_name(an_activity) is None
    assert activity_name(ProbeWorkflow) is None


def test_the_data_converter_is_not_copied_for_each_payload() -> None:
    context = StorageDriverStoreContext(target=None)
    lean = converter()

    assert isinstance(lean, LeanDataConverter)
    assert lean._with_store_context(context) is lean  # noqa: SLF001 (the private method that is overridden)
    assert {"_with_store_context", "_decode_payload_sequence"} <= set(vars(DataConverter))
    assert "external_storage" in {field.name for field in fields(DataConverter)}


def test_temporalio_has_the_minor_version_whose_private_parts_are_used() -> None:
    assert version("temporalio").startswith("1.35.")


def test_no_other_module_uses_a_private_part_of_temporalio() -> None:
    root = Path(__file__).parents[3]
    sources = [file for folder in ("shared", "services") for file in (root / folder).rglob("*.py")]

    private = re.compile(r"temporalio(?:\.\w+)*\._\w|workflow\._[A-Za-z]|__temporal_")
    users = [file.name for file in sources if private.search(file.read_text(encoding="utf-8"))]

    assert sorted(users) == ["replay_internals.py", "temporal_internals.py", "temporal_logs.py"]

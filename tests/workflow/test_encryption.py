"""With a key ring, neither Temporal nor the object store holds what a run handles."""

import logging
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from temporalio.api.common.v1 import Payloads, WorkflowExecution, WorkflowType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import SignalWorkflowExecutionRequest, StartWorkflowExecutionRequest
from temporalio.client import (
    Client,
    WorkflowExecutionStatus,
    WorkflowFailureError,
    WorkflowHandle,
    WorkflowHistory,
    WorkflowQueryFailedError,
)
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner, Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner

from perdure.bus import MemoryBus, MemoryObjects, RawMessage
from perdure.config.encryption import EncryptionSettings
from perdure.connections.temporal import converter
from perdure.connections.whole_history import readable_history
from perdure.contracts import Alert
from perdure.contracts.runs import RunDescription, RunQuery
from perdure.encryption import RunBinding, WrongRun, key_source, new_key_line
from perdure_orchestrator.description import describe
from tests.support.binaries import binary
from tests.support.eventually import eventually
from tests.support.plugged import client
from tests.support.secretive import PLANTED, Inner, Results, Secretive, encrypting, fail_with, key_file, repeat_text


@pytest_asyncio.fixture(loop_scope="session")
async def durable_server(tmp_path: Path) -> AsyncIterator[WorkflowEnvironment]:
    """A Temporal server whose database is ``temporal.db``."""
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=binary("temporal"),
        dev_server_database_filename=str(tmp_path / "temporal.db"),
        dev_server_log_level="error",
    ) as environment:
        yield environment


def served(connected: Client, queue: str, *, cached: int = 0) -> Worker:
    """Return a worker of the secretive workflows; without runs in memory each task replays."""
    return Worker(
        connected,
        task_queue=queue,
        workflows=[Secretive, Inner],
        activities=[repeat_text, fail_with],
        max_cached_workflows=cached,
        workflow_runner=UnsandboxedWorkflowRunner() if not connected.config()["plugins"] else SandboxedWorkflowRunner(),
    )


async def started(connected: Client, queue: str, *, times: int = 0) -> WorkflowHandle[Any, Any]:
    """Start a run about the planted text; the memo holds it, too."""
    return await connected.start_workflow(
        "Secretive",
        args=[PLANTED, times],
        id=uuid4().hex,
        task_queue=queue,
        memo={"from": PLANTED},
        static_summary=PLANTED,
        static_details=PLANTED,
    )


async def test_neither_the_database_nor_the_object_store_nor_a_log_holds_a_planted_text(
    durable_server: WorkflowEnvironment, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    objects, queue = MemoryObjects(), uuid4().hex
    connected = client(durable_server, plugins=[encrypting(key_file(tmp_path), objects=objects)])
    with caplog.at_level(logging.INFO):
        async with served(connected, queue):
            returned, raised = [await started(connected, queue, times=1) for _ in range(2)]
            for run in (returned, raised):
                await eventually(partial(_waits, run, times=1))
            shown = await returned.query("shown", "about ")
            with pytest.raises(WorkflowQueryFailedError) as refused:
                await returned.query("shown", "fail")
            changed = await returned.execute_update("change", f"{PLANTED} in red")
            await returned.signal("finish", f"{PLANTED} in time")
            await raised.signal("finish", f"fail {PLANTED}")
            result = await returned.result()
            with pytest.raises(WorkflowFailureError) as failed:
                await raised.result()
    memo = await (await returned.describe()).memo()

    assert "The text of this failure is encrypted" in str(refused.value)
    assert (shown, changed) == (f"about {PLANTED}", f"{PLANTED} and {PLANTED} in red")
    assert result == PLANTED * 300
    error = failed.value.cause
    assert isinstance(error, ApplicationError)
    assert (error.message, error.type, error.details) == (f"{PLANTED} is sold out", "SoldOut", ({"ordered": PLANTED},))
    assert {name: memo[name] for name in ("from", "about")} == {"from": PLANTED, "about": PLANTED}
    stored = b"".join(file.read_bytes() for file in tmp_path.glob("temporal.db*"))
    assert b"Secretive" in stored, "workflow types stay plain"
    assert b"SoldOut" in stored, "types of errors stay plain"
    assert PLANTED.encode() not in stored
    kept = b"".join([await objects.get(name) for name in objects._data])  # noqa: SLF001 (all that is stored)
    assert kept
    assert PLANTED.encode() not in kept
    assert PLANTED not in caplog.text


async def test_a_replayer_with_the_plugin_reads_an_encrypted_history(
    real_server: WorkflowEnvironment, tmp_path: Path
) -> None:
    perdure, queue = encrypting(key_file(tmp_path)), uuid4().hex
    connected = client(real_server, plugins=[perdure])
    async with served(connected, queue):
        run = await started(connected, queue)
        await run.signal("finish", "now")
        await run.result()
    history = await run.fetch_history()

    await Replayer(workflows=[Secretive], plugins=[perdure]).replay_workflow(history)

    assert PLANTED not in history.to_json()


async def test_any_replayer_reads_a_whole_history(real_server: WorkflowEnvironment, tmp_path: Path) -> None:
    connected = client(real_server, plugins=[encrypting(key_file(tmp_path))])
    queue = uuid4().hex
    # A worker of this client has the converter only.
    bare = Client(connected.service_client, namespace=connected.namespace, data_converter=connected.data_converter)
    async with served(bare, queue):
        run = await started(bare, queue)
        await run.signal("finish", "now")
        await run.result()
    recorded = await run.fetch_history()

    own = RunBinding(connected.namespace, run.id)
    history = await readable_history(recorded.events, connected.data_converter, own, whole=True)
    again = WorkflowHistory.from_json(run.id, WorkflowHistory(run.id, history.events).to_json())
    returned = await _returned_by_a_bare_replay(again)

    ended = again.events[-1].workflow_execution_completed_event_attributes.result.payloads[0]
    assert ended.data == f'"{PLANTED * 300}"'.encode()
    assert f"no stock of {PLANTED}" in again.to_json()
    assert PLANTED not in WorkflowHistory(run.id, recorded.events).to_json()
    assert returned == [PLANTED * 300]
    with pytest.raises(RuntimeError, match="Failed decoding arguments"):
        await _returned_by_a_bare_replay(recorded)


async def test_a_new_key_encrypts_at_once_and_the_former_one_still_decrypts(
    real_server: WorkflowEnvironment, tmp_path: Path
) -> None:
    keys, queue = key_file(tmp_path, "april"), uuid4().hex
    connected = client(real_server, plugins=[encrypting(keys)])
    async with served(connected, queue):
        run = await started(connected, queue)
        await eventually(lambda: _waits(run))
        keys.write_text(new_key_line("may") + keys.read_text())
        await eventually(lambda: _uses(run, "may"))
        await run.signal("finish", "now")
        result = await run.result()

    assert result == PLANTED * 300
    assert await _keys_of(run) == {"april", "may"}


async def test_a_payload_that_is_copied_to_another_run_is_refused_with_a_sentence(
    real_server: WorkflowEnvironment, tmp_path: Path
) -> None:
    queue = uuid4().hex
    connected = client(real_server, plugins=[encrypting(key_file(tmp_path))])
    async with served(connected, queue):
        first, second = [await started(connected, queue) for _ in range(2)]
        await eventually(lambda: _waits(first))
        await eventually(lambda: _waits(second))
        copied = (await first.fetch_history()).events[0].workflow_execution_started_event_attributes.input
        await _signal_with(connected, second, copied)
        stuck = await eventually(lambda: _failing_task(connected, second))
        await first.signal("finish", "now")
        result = await first.result()

    with pytest.raises(WrongRun) as unread:
        await readable_history(
            (await second.fetch_history()).events,
            connected.data_converter,
            RunBinding("default", second.id),
            whole=False,
        )
    assert f"of the history of {second.id}: An encrypted value of the run {first.id} (namespace default)" in str(
        unread.value
    )
    assert f"An encrypted value of the run {first.id} (namespace default) stands in the run {second.id}" in stuck
    assert "it was copied there, and is refused" in stuck
    assert result == PLANTED * 300, "the run that was copied from goes on"
    assert (await second.describe()).status is WorkflowExecutionStatus.RUNNING


async def test_a_run_that_starts_with_a_copied_input_never_begins(
    real_server: WorkflowEnvironment, tmp_path: Path
) -> None:
    queue = uuid4().hex
    connected = client(real_server, plugins=[encrypting(key_file(tmp_path))])
    async with served(connected, queue):
        first = await started(connected, queue)
        await eventually(lambda: _waits(first))
        copied = (await first.fetch_history()).events[0].workflow_execution_started_event_attributes.input
        thief = connected.get_workflow_handle(uuid4().hex)
        await connected.workflow_service.start_workflow_execution(
            StartWorkflowExecutionRequest(
                namespace=connected.namespace,
                workflow_id=thief.id,
                workflow_type=WorkflowType(name="Secretive"),
                task_queue=TaskQueue(name=queue),
                input=copied,
                request_id=uuid4().hex,
            )
        )
        stuck = await eventually(lambda: _failing_task(connected, thief))

    assert "it was copied there, and is refused" in stuck


async def test_the_sandbox_encrypts_as_well(real_server: WorkflowEnvironment, tmp_path: Path) -> None:
    queue = uuid4().hex
    connected = client(real_server, plugins=[encrypting(key_file(tmp_path), sandbox=True)])
    async with served(connected, queue):
        run = await started(connected, queue)
        await eventually(partial(_waits, run))
        await run.signal("finish", "now")
        result = await run.result()

    assert result == PLANTED * 300
    assert PLANTED not in (await run.fetch_history()).to_json()


@pytest.mark.parametrize("other", ["wrong", "none"])
async def test_with_the_wrong_key_or_none_runs_and_steps_wait_and_go_on_with_the_right_one(
    real_server: WorkflowEnvironment, tmp_path: Path, other: str
) -> None:
    keys, queue = key_file(tmp_path, "april"), uuid4().hex
    right = client(real_server, plugins=[encrypting(keys)])
    async with served(right, queue):
        run = await started(right, queue)
        await eventually(lambda: _waits(run))
    (tmp_path / "other").mkdir()
    bus = MemoryBus()
    wrong = encrypting(key_file(tmp_path / "other", "may") if other == "wrong" else None, bus=bus)
    lost = client(real_server, plugins=[wrong])
    async with served(lost, queue, cached=10):  # only such a worker says why a task has failed
        await run.signal("finish", "now")
        stuck = await eventually(lambda: _failing_task(right, run))
        again = await started(right, queue)  # whose input this worker cannot read
        await eventually(lambda: _failing_task(right, again))
        alert = await eventually(lambda: _alert(bus, again))
        status = {(await it.describe()).status for it in (run, again)}
    async with served(right, queue):
        await again.signal("finish", "now")
        results = [await it.result() for it in (run, again)]

    assert status == {WorkflowExecutionStatus.RUNNING}
    assert "A value is encrypted with the key april" in stuck
    assert ("add that key to the ring" if other == "wrong" else "`encryption` is not configured here") in stuck
    assert results == [PLANTED * 300] * 2
    assert "A value is encrypted with the key april" in str(alert.details)


async def test_a_step_waits_for_its_key_instead_of_failing_its_run(
    real_server: WorkflowEnvironment, tmp_path: Path
) -> None:
    keys, queue = key_file(tmp_path, "april"), uuid4().hex
    connected = client(real_server, plugins=[encrypting(keys)])
    (tmp_path / "other").mkdir()
    others = key_file(tmp_path / "other", "may")
    address = real_server.client.service_client.config.target_host
    keys_of_steps = key_source(EncryptionSettings(keys_file=others))  # the plugin would serve workflows, too
    stranger = await Client.connect(address, data_converter=converter(None, keys_of_steps))
    async with Worker(
        connected,
        task_queue=queue,
        workflows=[Secretive, Inner],
        activities=[repeat_text],
        max_cached_workflows=0,
        no_remote_activities=True,  # only local ones
    ):
        run = await started(connected, queue)
        async with Worker(stranger, task_queue=queue, activities=[repeat_text, fail_with]):
            taken = await eventually(lambda: _taken(run))
            others.write_text(keys.read_text() + others.read_text())  # the run has no key to read results by the other
            await eventually(lambda: _waits(run), within=60)
            await run.signal("finish", "now")
            result = await run.result()

    assert taken == 1, "its first attempt waits"
    assert result == PLANTED * 300


@pytest.mark.parametrize("sandbox", [False, True])
async def test_a_run_that_cannot_read_the_result_of_a_step_names_the_key_and_goes_on_with_it(
    real_server: WorkflowEnvironment, tmp_path: Path, *, sandbox: bool
) -> None:
    keys, queue = key_file(tmp_path, "april"), uuid4().hex
    (tmp_path / "other").mkdir()
    others = key_file(tmp_path / "other", "may")
    others.write_text(others.read_text() + keys.read_text())  # its results are encrypted with may
    connected = client(real_server, plugins=[encrypting(keys, sandbox=sandbox)])
    keys_of_steps = key_source(EncryptionSettings(keys_file=others))
    address = real_server.client.service_client.config.target_host
    stranger = await Client.connect(address, data_converter=converter(None, keys_of_steps))
    async with (
        Worker(stranger, task_queue=queue, activities=[repeat_text, fail_with]),
        Worker(
            connected,
            task_queue=queue,
            workflows=[Secretive, Inner],
            activities=[repeat_text],
            max_cached_workflows=10,  # only such a worker says why a task has failed
            no_remote_activities=True,
        ),
    ):
        run = await started(connected, queue)
        stuck = await eventually(lambda: _failing_task(connected, run), within=60)
        keys.write_text(keys.read_text() + others.read_text().splitlines(keepends=True)[0])
        await run.signal("finish", "now")
        result = await run.result()

    assert "A value is encrypted with the key may" in stuck
    assert result == PLANTED * 300


async def _returned_by_a_bare_replay(history: WorkflowHistory) -> list[Any]:
    """Return what the workflow returns in a replay without Perdure."""
    results = Results()
    replayer = Replayer(
        workflows=[Secretive],
        data_converter=pydantic_data_converter,
        workflow_runner=UnsandboxedWorkflowRunner(),
        interceptors=[results],
    )
    await replayer.replay_workflow(history)
    return results.found


async def _waits(run: WorkflowHandle[Any, Any], *, times: int = 0) -> bool:
    """Return whether the run, continued so often, has failed its last step, so that it waits for its end."""
    history = (await run.fetch_history()).to_json()
    return "activityTaskFailedEventAttributes" in history and ("continuedExecutionRunId" in history) == bool(times)


async def _uses(run: WorkflowHandle[Any, Any], key: str) -> bool:
    await run.execute_update("change", "again")
    return key in await _keys_of(run)


async def _keys_of(run: WorkflowHandle[Any, Any]) -> set[str]:
    found = set[str]()
    for event in (await run.fetch_history()).events:
        payloads = [
            *event.workflow_execution_started_event_attributes.input.payloads,
            *event.workflow_execution_update_accepted_event_attributes.accepted_request.input.args.payloads,
            *event.workflow_execution_completed_event_attributes.result.payloads,
        ]
        found |= {it.metadata["encryption-key-id"].decode() for it in payloads if "encryption-key-id" in it.metadata}
    return found


async def _signal_with(connected: Client, run: WorkflowHandle[Any, Any], payloads: Payloads) -> None:
    await connected.workflow_service.signal_workflow_execution(
        SignalWorkflowExecutionRequest(
            namespace=connected.namespace,
            workflow_execution=WorkflowExecution(workflow_id=run.id),
            signal_name="finish",
            input=payloads,
            request_id=uuid4().hex,
        )
    )


async def _failing_task(connected: Client, run: WorkflowHandle[Any, Any]) -> str | None:
    """Return why the workflow task of a run fails, as ``perdure runs show`` gets it."""
    query = RawMessage("", RunQuery(workflow_id=run.id).model_dump_json().encode(), {})
    return RunDescription.model_validate_json(await describe(connected, query)).task_failure


async def _alert(bus: MemoryBus, run: WorkflowHandle[Any, Any]) -> Alert | None:
    alerts = [message for message in bus.published if isinstance(message, Alert)]
    return next((alert for alert in alerts if alert.workflow_id == run.id), None)


async def _taken(run: WorkflowHandle[Any, Any]) -> int | None:
    pending = (await run.describe()).raw_description.pending_activities
    return pending[0].attempt if pending and pending[0].HasField("last_started_time") else None

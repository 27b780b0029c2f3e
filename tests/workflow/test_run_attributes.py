"""Runs begin with the search attributes that Temporal has, and with a summary for its own page."""

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from temporalio import workflow
from temporalio.api.operatorservice.v1 import RemoveSearchAttributesRequest
from temporalio.client import Client, WorkflowExecutionDescription
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from perdure.config.settings import TemporalSettings
from perdure.connections.search_attributes import register_attributes, registered_attributes
from perdure.contracts import EventReference, RunOptions, SearchAttribute, SignalWorkflow, StartWorkflow
from perdure.values.search_attribute import OWN_ATTRIBUTES, AttributeType
from perdure_orchestrator.run_attributes import RunAttributes
from perdure_orchestrator.run_client import RunClient

pytestmark = pytest.mark.asyncio(loop_scope="session")

WANTED: dict[str, AttributeType] = {**OWN_ATTRIBUTES, "CustomerId": "keyword", "Amount": "double"}
GIVEN = {
    "CustomerId": SearchAttribute(type="keyword", value="ACME"),
    "Amount": SearchAttribute(type="double", value=900),
}


@workflow.defn
class Twice:
    """Continues as new once."""

    @workflow.run
    async def run(self, left: int) -> dict[str, Any]:
        if left:
            workflow.continue_as_new(left - 1)
        return {pair.key.name: pair.value for pair in workflow.info().typed_search_attributes}

    @workflow.signal
    def nudge(self, _: str) -> None:
        """Take a signal."""


def start_command(key: str | None = "k") -> StartWorkflow:
    id_ = str(uuid4())
    return StartWorkflow(
        route="orders",
        event=EventReference(id=id_, type="order.placed", source="test", stream_sequence=7),
        workflow="Twice",
        workflow_id=f"orders~{id_}",
        digest="0" * 64,
        input=1,
        options=RunOptions(attributes=GIVEN),
        key=key,
    )


def signal_command() -> SignalWorkflow:
    start = start_command()
    fields = start.model_dump(include={"route", "event", "workflow", "workflow_id", "digest", "options"})
    return SignalWorkflow(**fields, input=1, signal="nudge", argument="now")


async def begun(client: Client, *, look: bool = True, may_register: bool = True) -> tuple[RunClient, RunAttributes]:
    attributes = RunAttributes(client, WANTED, may_register=may_register)
    if look:
        await attributes.look()
    return RunClient(client, TemporalSettings(task_queue="twice"), attributes=attributes), attributes


async def result(client: Client, workflow_id: str) -> Any:
    worker = Worker(client, task_queue="twice", workflows=[Twice], workflow_runner=UnsandboxedWorkflowRunner())
    async with worker:
        return await client.get_workflow_handle(workflow_id).result()


async def described(client: Client, workflow_id: str) -> WorkflowExecutionDescription:
    return await client.get_workflow_handle(workflow_id).describe()


async def test_a_run_has_its_attributes_also_after_it_continued_as_new(real_server: WorkflowEnvironment) -> None:
    client, start = real_server.client, start_command()
    runs, attributes = await begun(client)
    await runs.start(start)

    found = await result(client, start.workflow_id)

    expected = {"CustomerId": "ACME", "Amount": 900.0, "PerdureEventId": start.event.id, "PerdureRoute": "orders"}
    assert {name: found[name] for name in {*expected, "PerdureKey"}} == {**expected, "PerdureKey": "k"}
    assert attributes.problem == ""


async def test_a_run_that_a_signal_starts_has_its_attributes(real_server: WorkflowEnvironment) -> None:
    client, command = real_server.client, signal_command()
    runs, _ = await begun(client)
    await runs.signal_with_start(command, "Twice")

    found = await result(client, command.workflow_id)

    assert (found["CustomerId"], found["PerdureRoute"]) == ("ACME", "orders")


async def test_a_missing_attribute_stops_no_start_and_a_sentence_names_the_command(
    real_server: WorkflowEnvironment,
) -> None:
    client, start = real_server.client, start_command()
    await register_attributes(client, {"CustomerId": "keyword", "Amount": "int"})
    runs, attributes = await begun(client, may_register=False)
    await runs.start(start)

    found = await result(client, start.workflow_id)

    assert found["CustomerId"] == "ACME"
    assert not {"Amount", "PerdureRoute"} & found.keys()
    assert "does not have the search attributes PerdureEventId (keyword)" in attributes.problem
    assert "`perdure admin temporal provision`" in attributes.problem
    assert "Amount is registered in the namespace default as int, and a route gives it as double" in attributes.problem


async def test_an_attribute_that_was_removed_stops_no_start(real_server: WorkflowEnvironment) -> None:
    client, start = real_server.client, start_command()
    runs, attributes = await begun(client)
    removal = RemoveSearchAttributesRequest(namespace=client.namespace, search_attributes=["CustomerId"])
    await client.operator_service.remove_search_attributes(removal)
    async with asyncio.timeout(20):
        while "CustomerId" in await registered_attributes(client):
            await asyncio.sleep(0.1)

    await runs.start(start)
    await attributes.look()

    assert (await described(client, start.workflow_id)).workflow_type == "Twice"


@pytest.mark.parametrize("make", [start_command, signal_command])
async def test_temporals_own_page_says_which_event_started_a_run(
    real_server: WorkflowEnvironment, make: Callable[[], StartWorkflow | SignalWorkflow]
) -> None:
    client, command = real_server.client, make()
    runs, _ = await begun(client)
    if isinstance(command, StartWorkflow):
        await runs.start(command)
    else:
        await runs.signal_with_start(command, "Twice")

    shown = await described(client, command.workflow_id)

    assert await shown.static_summary() == f"orders: order.placed {command.event.id}"
    details = await shown.static_details()
    assert details is not None
    assert details.splitlines()[:2] == ["- Route: `orders`", f"- Event: `{command.event.id}`"]


async def test_the_longest_ids_fit_into_what_temporal_takes(real_server: WorkflowEnvironment) -> None:
    client, start = real_server.client, start_command("ü" * 5_000)
    event = start.event.model_copy(update={"id": "é`" * 3_000, "source": "s" * 9_000, "subject": "\n" * 9_000})
    runs, _ = await begun(client)

    await runs.start(start.model_copy(update={"event": event}))

    summary = await (await described(client, start.workflow_id)).static_summary()
    assert summary is not None
    assert len(summary.encode()) <= 180

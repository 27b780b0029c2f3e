"""What a process knows of its version while Temporal answers some requests and fails at others."""

import asyncio
from typing import Final

import pytest
from temporalio import workflow
from temporalio.api.workflowservice.v1 import CountWorkflowExecutionsRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import WorkflowEnvironment

from perdure.runtime.background import background
from tests.support.versioned import House, shared_server, until

pytestmark = pytest.mark.asyncio(loop_scope="session")

_FEW_COUNTS: Final = ("--dynamic-config-value", "frontend.namespaceRPS.visibility=3")
"""An argument of Temporal's development server: it refuses further requests for lists and counts in a second."""

server = shared_server(*_FEW_COUNTS)


@workflow.defn
class Quick:
    @workflow.run
    async def run(self) -> None: ...


async def use_up(client: Client) -> None:
    """Leave nothing of what the server counts in a second, for ever."""
    request = CountWorkflowExecutionsRequest(namespace=client.namespace)
    while True:
        try:
            await client.workflow_service.count_workflow_executions(request)
        except RPCError as error:
            if error.status is not RPCStatusCode.RESOURCE_EXHAUSTED:
                raise
        await asyncio.sleep(0.005)


async def test_a_count_of_before_does_not_hold_when_the_next_one_fails(server: WorkflowEnvironment) -> None:
    house = House(server)
    async with house.orchestrator("b1", Quick) as first:
        await until(lambda: first.own.is_current)
        async with house.orchestrator("b2", Quick):
            await house.acts.promote("b2", within=60)
            await until(lambda: first.own.open_runs == 0)

            async with background(use_up(first.client)):
                await until(lambda: first.own.open_runs is None)
            await until(lambda: first.own.open_runs == 0)

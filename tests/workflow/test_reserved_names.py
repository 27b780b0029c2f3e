"""No door of a run takes a name of Perdure's own: not the bus, not a route, not another author's run."""

from typing import Any

import pytest
from pydantic import ValidationError
from temporalio import workflow
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment

from perdure.bus import MemoryKeyValue, encode
from perdure.config.routes import Route
from perdure.contracts import EventReference, SignalWorkflow
from perdure.errors import InvalidMessage
from perdure.testing import WorkflowRunner
from tests.support.bridges import Cart, new_bridge, stored_message, unreachable
from tests.support.scripted_worker import open_scripted_worker

pytestmark = pytest.mark.asyncio(loop_scope="session")

NAMES = ("perdure_decision", "perdure", "perdure-anything", "perdure_verify")


@pytest.mark.parametrize("name", NAMES)
async def test_the_bridge_hands_over_no_signal_with_a_reserved_name(
    environment: WorkflowEnvironment, name: str
) -> None:
    async with open_scripted_worker(environment, Cart) as worker:
        bridge = new_bridge(worker, await unreachable(), MemoryKeyValue())  # a signal would raise another error
        for workflow_name in (None, "Cart"):
            command = SignalWorkflow(
                route="r",
                event=EventReference(id="e", type="t", source="s", stream_sequence=1),
                workflow_id="cart",
                digest="a" * 64,
                signal=name,
                argument={},
                workflow=workflow_name,
            )
            raw = encode(command, source="test")
            with pytest.raises(InvalidMessage, match="reserved name") as refused:
                await bridge.command(stored_message(raw.subject, 1, raw.body))
            assert refused.value.reason == "reserved_name"
        with pytest.raises(InvalidMessage, match="reserved name") as refused:
            await bridge.signal(stored_message(f"signals.cart.{name}", 1, b"{}"))
        assert refused.value.reason == "reserved_name"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("with_start", [False, True])
async def test_no_route_signals_a_reserved_name(name: str, *, with_start: bool) -> None:
    action: dict[str, Any] = {"signal_with_start": {"start": "W", "signal": name}} if with_start else {"signal": name}

    with pytest.raises(ValidationError, match="has a reserved name"):
        Route(on="a", workflow_id="w", **action)


@workflow.defn
class Forger:
    """Tries to send another run what only Perdure sends."""

    @workflow.run
    async def run(self, door: str) -> None:
        match door:
            case "memo":
                await workflow.start_child_workflow(Forger.run, "none", memo={"perdure_carried": {"asked": 7}})
            case "child":
                child = await workflow.start_child_workflow(Forger.run, "sleep")
                await child.signal("perdure_decision", {})
            case "external":
                await workflow.get_external_workflow_handle("victim").signal("perdure_decision", {})
            case "sleep":
                await workflow.sleep(3600)


@pytest.mark.parametrize("door", ["memo", "child", "external"])
async def test_an_authors_run_sends_no_other_run_a_reserved_name(run_workflow: WorkflowRunner, door: str) -> None:
    outcome = await run_workflow(Forger, door)

    assert outcome.ending.kind == "failed"
    assert "has a reserved name" in str(outcome.ending.error)


SETTERS = {
    "signal": workflow.set_signal_handler,
    "query": workflow.set_query_handler,
    "update": workflow.set_update_handler,
}


@workflow.defn
class Impostor:
    """Sets handlers at run time, in Perdure's place and beside it, and takes Perdure's away."""

    @workflow.run
    async def run(self, name: str) -> list[str]:
        refused = []
        for set_handler in SETTERS.values():
            for handler in (lambda *_: None, None):
                try:
                    set_handler(name, handler)
                except ApplicationError as error:
                    refused.append(error.message)
        return refused


async def test_an_authors_run_sets_no_handler_of_a_reserved_name(run_workflow: WorkflowRunner) -> None:
    own, reserved = [await run_workflow(Impostor, name) for name in ("mine", "perdure_decision")]

    assert own.result == []
    assert isinstance(reserved.result, list)
    assert [str(text).split(" has ")[0] for text in reserved.result] == [
        f"The {kind} perdure_decision" for kind in SETTERS for _ in range(2)
    ]

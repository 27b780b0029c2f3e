"""An order is carried out as a whole or not at all: stock, money and parcels add up."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from temporalio import workflow

from perdure.flow import Agent, Saga
from perdure.testing import WorkflowRunner
from tests.support.examples import example

OrderProcessing = example("orders", "orders").OrderProcessing
create_server = example("orders", "shop_server").create_server


@workflow.defn
class Stubborn:
    """Reserves for longer than the wall time limit, at a server whose release fails."""

    @workflow.run
    async def run(self, release: str) -> None:
        shop = Agent("shop", server_names=["shop"]).tools
        async with Saga() as saga:
            await saga.run(shop.reserve, undo=getattr(shop, release))
            await saga.run(shop.ship)


@pytest.fixture
def books(tmp_path: Path) -> Path:
    return tmp_path / "books.sqlite"


def order(**changes: Any) -> dict[str, Any]:
    fields = {"order_id": "7", "customer": "ada", "item": "lamp", "pieces": 2, "cents": 4500, "address": "1 Main St"}
    return fields | changes


def read(books: Path, query: str) -> list[Any]:
    with closing(sqlite3.connect(books)) as connection:
        return connection.execute(query).fetchall()


def untouched(books: Path) -> bool:
    stock, accounts = dict(read(books, "SELECT * FROM stock")), dict(read(books, "SELECT * FROM accounts"))
    return stock == {"lamp": 10, "kettle": 3} and accounts == {"ada": 20000, "bob": 1000, "shop": 0}


async def test_an_order_is_reserved_paid_and_shipped(run_workflow: WorkflowRunner, books: Path) -> None:
    outcome = await run_workflow(OrderProcessing, order(), servers={"shop": create_server(books)})

    assert outcome.result == {"order_id": "7", "state": "shipped", "parcel": "parcel-7", "reason": None}
    assert read(books, "SELECT pieces FROM stock WHERE item = 'lamp'") == [(8,)]
    assert dict(read(books, "SELECT * FROM accounts")) == {"ada": 15500, "bob": 1000, "shop": 4500}


@pytest.mark.parametrize(
    ("changes", "why", "undone"),
    [
        ({"pieces": 99}, "There are not 99 of lamp left", ["release"]),
        ({"item": "moon"}, "The shop has no moon", ["release"]),
        ({"customer": "bob"}, "The payment was declined: bob has not 45.00", ["refund", "release"]),
        ({"address": ""}, "The carrier needs an address", ["cancel_shipment", "refund", "release"]),
    ],
)
async def test_a_failure_is_reported_and_all_earlier_steps_are_undone_in_reverse_order(
    run_workflow: WorkflowRunner, books: Path, changes: dict[str, Any], why: str, undone: list[str]
) -> None:
    outcome = await run_workflow(OrderProcessing, order(**changes), servers={"shop": create_server(books)})

    assert outcome.ending.kind == "failed"
    assert why in (outcome.error or "")
    assert untouched(books)
    assert [deed for (deed,) in read(books, "SELECT deed FROM calls")][-len(undone) :] == undone


@pytest.mark.parametrize("seconds", [0, 0.5])
async def test_a_cancellation_compensates_midway(run_workflow: WorkflowRunner, books: Path, seconds: float) -> None:
    """Also within a call, whose effect may arrive after its compensation."""
    server = create_server(books, seconds)
    async with run_workflow.start(OrderProcessing, order(reflection_seconds=3600), servers={"shop": server}) as run:
        await (run.wait_for("step_started", "shop: pay") if seconds else run.wait_for("note"))
        await run.signal("cancel", {"order_id": "7", "reason": "too late"})
        outcome = await run.outcome()

    assert outcome.result == {"order_id": "7", "state": "cancelled", "parcel": None, "reason": "too late"}
    assert untouched(books)


async def test_a_failed_undo_is_retried_even_beyond_the_wall_time_limit(
    run_workflow: WorkflowRunner,
) -> None:
    server, tries = MCPServer("shop"), []

    @server.tool()
    async def reserve() -> str:
        await asyncio.sleep(0.1)
        return "reserved"

    @server.tool()
    def ship() -> str:
        raise ToolError("it is too late to ship")

    @server.tool()
    def release() -> str:
        tries.append(1)
        if len(tries) < 3:
            raise ToolError("the store is locked")
        return "released"

    late = {"limits": {"wall_time": "50ms"}}
    outcome = await run_workflow(Stubborn, "release", servers={"shop": server}, settings=late)

    assert "limits.wall_time" in (outcome.error or "")
    assert len(tries) == 3

    hopeless = await run_workflow(Stubborn, "releese", servers={"shop": server}, settings=late)

    assert hopeless.notes == ["Could not undo: releese (No tool is called releese on shop: did you mean release?)"]

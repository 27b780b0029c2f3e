"""The order example on real servers, with killed workers: money and stock add up."""

import asyncio
import json
import shutil
import sqlite3
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, closing
from pathlib import Path
from typing import Any

from tests.support.examples import EXAMPLES
from tests.support.suite import World, gaps

OpenWorld = Callable[..., AbstractAsyncContextManager[World]]

PRICE = 1500  # more than bob has
SECONDS = 0.8  # of each call: half before its effect, half after

# By order id: changes of the order, and how it ends.
ORDERS: dict[str, tuple[dict[str, Any], str]] = {
    "paying": ({}, "shipped"),
    "resting": ({"reflection_seconds": 6}, "shipped"),
    "unshippable": ({"address": ""}, "failed"),
    "regretted": ({"reflection_seconds": 3600}, "cancelled"),
    "unpaid": ({"customer": "bob"}, "failed"),
}


def configuration(folder: Path) -> dict[str, Any]:
    shutil.copy(EXAMPLES / "orders" / "orders.py", folder)
    server = str(EXAMPLES / "orders" / "shop_server.py")
    run = "order-{data.order_id}"
    return {
        "workflows": ["orders"],
        "routes": [
            {"on": "orders.placed", "start": "OrderProcessing", "workflow_id": run},
            {"on": "orders.cancelled", "signal": "cancel", "workflow_id": run},
        ],
        "mcp": {
            "servers": {
                "shop": {
                    "command": sys.executable,
                    "args": [server, str(folder / "books"), "--seconds", str(SECONDS)],
                }
            }
        },
    }


def read(folder: Path, query: str) -> list[Any]:
    with closing(sqlite3.connect(folder / "books", timeout=10)) as books:
        try:
            return books.execute(query).fetchall()
        except sqlite3.OperationalError:  # no server has created the tables yet
            return []


async def called(folder: Path, order_id: str, deed: str) -> None:
    """Wait until a call has reached the shop."""
    async with asyncio.timeout(60):
        while (order_id, deed) not in read(folder, "SELECT order_id, deed FROM calls"):
            await asyncio.sleep(0.05)


async def test_money_and_stock_add_up_although_workers_are_killed_within_and_between_calls_and_compensations(
    world: OpenWorld, tmp_path: Path
) -> None:
    async with world(**configuration(tmp_path)) as live:
        for order_id, (changes, _) in ORDERS.items():
            order = {"order_id": order_id, "customer": "ada", "item": "lamp", "pieces": 1, "cents": PRICE}
            await live.publish("orders.placed", json.dumps(order | {"address": "1 Main St"} | changes).encode())
        await called(tmp_path, "paying", "pay")
        live.suite.supervisor.kill("orchestrator")
        await called(tmp_path, "unshippable", "ship")
        await called(tmp_path, "regretted", "pay")  # only then there is something to refund
        await live.publish("orders.cancelled", b'{"order_id": "regretted"}')
        await called(tmp_path, "regretted", "refund")
        await called(tmp_path, "unshippable", "refund")
        await asyncio.sleep(SECONDS * 0.75)  # the refund took effect, and its answer has not been sent
        live.suite.supervisor.kill("orchestrator")
        facts = await live.ended(len(ORDERS))

    shipped = sum(end == "shipped" for _, end in ORDERS.values())
    assert dict(read(tmp_path, "SELECT * FROM stock"))["lamp"] == 10 - shipped
    money = dict(read(tmp_path, "SELECT * FROM accounts"))
    assert money == {"ada": 20000 - PRICE * shipped, "bob": 1000, "shop": PRICE * shipped}
    open_deeds = Counter(order for (order,) in read(tmp_path, "SELECT order_id FROM deeds WHERE NOT undone"))
    assert open_deeds == {name: 3 for name, (_, end) in ORDERS.items() if end == "shipped"}
    for name, (_, end) in ORDERS.items():
        progress = facts[f"order-{name}"]
        result = progress[-1].result
        assert (result["state"] if isinstance(result, dict) else progress[-1].kind) == end
        assert gaps(progress) == set()
    calls = Counter(read(tmp_path, "SELECT order_id, deed FROM calls"))
    answers = Counter(read(tmp_path, "SELECT deed FROM answers"))
    assert sum(calls.values()) > sum(answers.values())  # some calls were retried, under the same key

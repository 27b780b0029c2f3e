"""A shop as an MCP server: stock, accounts and parcels in one SQLite file.

An action and its idempotency key are written in one transaction, so a repeated call gets the answer of the first one.
Each action has a compensation. A compensation succeeds even if there is nothing to compensate, and is recorded: an
action that arrives after its compensation, because its caller was interrupted, is refused.
"""

import asyncio
import sqlite3
from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError

KEY = "perdure/idempotency-key"
SHOP = "shop"
SCHEMA = """
CREATE TABLE IF NOT EXISTS calls (order_id TEXT, deed TEXT);
CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, deed TEXT, answer TEXT);
CREATE TABLE IF NOT EXISTS stock (item TEXT PRIMARY KEY, pieces INTEGER CHECK (pieces >= 0));
CREATE TABLE IF NOT EXISTS accounts (owner TEXT PRIMARY KEY, cents INTEGER CHECK (cents >= 0));
CREATE TABLE IF NOT EXISTS deeds (
    order_id TEXT, deed TEXT, undone INTEGER DEFAULT 0, object TEXT, amount INTEGER, PRIMARY KEY (order_id, deed)
);
INSERT OR IGNORE INTO stock VALUES ('lamp', 10), ('kettle', 3);
INSERT OR IGNORE INTO accounts VALUES ('ada', 20000), ('bob', 1000), ('shop', 0);
"""


class Shop:
    """The database, and the duration of a call: half of it passes before the action, half after."""

    def __init__(self, file: Path, seconds: float) -> None:
        self._books = sqlite3.connect(file, isolation_level=None, timeout=10)
        self._books.executescript(SCHEMA)
        self._seconds = seconds

    async def once(self, ctx: Context[Any, Any], deed: str, order_id: str, do: Callable[[], str]) -> str:
        """Do an action, unless it was done under the same key."""
        if (key := (ctx.request_context.meta or {}).get(KEY)) is None:
            raise ToolError(f"Send {KEY} in _meta: without it a repeated call looks like a second order")
        self._books.execute("INSERT INTO calls VALUES (?, ?)", (order_id, deed))
        await asyncio.sleep(self._seconds / 2)
        with self._books:  # one transaction: all of it or nothing
            self._books.execute("BEGIN IMMEDIATE")
            known = self._books.execute("SELECT answer FROM answers WHERE key = ?", (key,)).fetchone()
            answer = known[0] if known else do()
            self._books.execute("INSERT OR IGNORE INTO answers VALUES (?, ?, ?)", (key, deed, answer))
        await asyncio.sleep(self._seconds / 2)
        return str(answer)

    def write(self, order_id: str, deed: str, object_: str, amount: int) -> None:
        """Record an action that is done."""
        row = self._books.execute(
            "SELECT undone FROM deeds WHERE order_id = ? AND deed = ?", (order_id, deed)
        ).fetchone()
        if row is not None:
            raise ToolError(f"{deed} of order {order_id} was {'taken back' if row[0] else 'done'} before")
        self._books.execute("INSERT INTO deeds VALUES (?, ?, 0, ?, ?)", (order_id, deed, object_, amount))

    def take_back(self, order_id: str, deed: str) -> tuple[str, int] | None:
        """Record a compensation; return the object and the amount of the action, or None if it was not done."""
        done = self._books.execute(
            "SELECT object, amount FROM deeds WHERE order_id = ? AND deed = ? AND NOT undone", (order_id, deed)
        ).fetchone()
        self._books.execute(
            "INSERT INTO deeds (order_id, deed, undone) VALUES (?, ?, 1)"
            " ON CONFLICT (order_id, deed) DO UPDATE SET undone = 1",
            (order_id, deed),
        )
        return None if done is None else (done[0], done[1])

    def add(self, item: str, pieces: int) -> None:
        """Add pieces to the stock, or remove them.

        Raises:
            ToolError: The stock has too few.
        """
        try:
            found = self._books.execute("UPDATE stock SET pieces = pieces + ? WHERE item = ?", (pieces, item)).rowcount
        except sqlite3.IntegrityError:
            raise ToolError(f"There are not {-pieces} of {item} left") from None
        if not found:
            raise ToolError(f"The shop has no {item}")

    def move(self, giver: str, taker: str, cents: int) -> None:
        """Move money.

        Raises:
            ToolError: The giver has too little.
        """
        try:
            taken = self._books.execute(
                "UPDATE accounts SET cents = cents - ? WHERE owner = ?", (cents, giver)
            ).rowcount
        except sqlite3.IntegrityError:
            raise ToolError(f"The payment was declined: {giver} has not {cents / 100:.2f}") from None
        if not taken:
            raise ToolError(f"Nobody here is called {giver}")
        self._books.execute("UPDATE accounts SET cents = cents + ? WHERE owner = ?", (cents, taker))


def create_server(file: Path, seconds: float = 0) -> MCPServer:
    """Build the server on a database file, which is created if it does not exist."""
    server, shop = MCPServer("shop"), Shop(file, seconds)

    @server.tool()
    async def reserve(ctx: Context[Any, Any], order_id: str, item: str, pieces: int) -> str:
        """Take pieces from the stock for an order."""

        def do() -> str:
            shop.write(order_id, "reserve", item, pieces)
            shop.add(item, -pieces)
            return f"reserved {pieces} {item}"

        return await shop.once(ctx, "reserve", order_id, do)

    @server.tool()
    async def release(ctx: Context[Any, Any], order_id: str) -> str:
        """Return the reserved pieces to the stock."""

        def do() -> str:
            if (reserved := shop.take_back(order_id, "reserve")) is None:
                return "nothing was reserved"
            shop.add(*reserved)
            return "released"

        return await shop.once(ctx, "release", order_id, do)

    @server.tool()
    async def pay(ctx: Context[Any, Any], order_id: str, customer: str, cents: int) -> str:
        """Move the price from the customer's account to the shop's."""

        def do() -> str:
            shop.write(order_id, "pay", customer, cents)
            shop.move(customer, SHOP, cents)
            return f"paid {cents / 100:.2f}"

        return await shop.once(ctx, "pay", order_id, do)

    @server.tool()
    async def refund(ctx: Context[Any, Any], order_id: str) -> str:
        """Give the customer the money back."""

        def do() -> str:
            if (paid := shop.take_back(order_id, "pay")) is None:
                return "nothing was paid"
            shop.move(SHOP, *paid)
            return "refunded"

        return await shop.once(ctx, "refund", order_id, do)

    @server.tool()
    async def ship(ctx: Context[Any, Any], order_id: str, address: str) -> str:
        """Hand a parcel to the carrier and return its number."""

        def do() -> str:
            if not address.strip():
                raise ToolError("The carrier needs an address")
            shop.write(order_id, "ship", address, 1)
            return f"parcel-{order_id}"

        return await shop.once(ctx, "ship", order_id, do)

    @server.tool()
    async def cancel_shipment(ctx: Context[Any, Any], order_id: str) -> str:
        """Stop a parcel."""

        def do() -> str:
            return "nothing was shipped" if shop.take_back(order_id, "ship") is None else "stopped"

        return await shop.once(ctx, "cancel_shipment", order_id, do)

    return server


if __name__ == "__main__":
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path, help="SQLite database file")
    parser.add_argument("--seconds", type=float, default=0, help="duration of a call")
    given = parser.parse_args()
    create_server(given.file, given.seconds).run()

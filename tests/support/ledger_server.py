"""An MCP server that books each logical call once, in SQLite, where a test counts the effects."""

import asyncio
import os
import sqlite3
import sys
from typing import Any

from mcp.server.mcpserver import Context, MCPServer

KEY = "perdure/idempotency-key"


def open_books(file: str) -> sqlite3.Connection:
    books = sqlite3.connect(file, isolation_level=None, timeout=10)
    books.execute("CREATE TABLE IF NOT EXISTS calls (item TEXT)")
    books.execute("CREATE TABLE IF NOT EXISTS effects (key TEXT PRIMARY KEY, item TEXT)")
    return books


def create_server(name: str, file: str) -> MCPServer:
    server, books = MCPServer(name), open_books(file)

    @server.tool()
    async def book(item: str, ctx: Context[Any, Any], seconds: float = 0) -> str:
        """Book an item within some seconds, and repeat a secret in a progress notification."""
        await ctx.report_progress(0, message=os.environ["LEDGER_TOKEN"])
        books.execute("INSERT INTO calls VALUES (?)", (item,))
        await asyncio.sleep(seconds)
        meta: Any = ctx.request_context.meta
        books.execute("INSERT OR IGNORE INTO effects VALUES (?, ?)", (meta[KEY], item))
        return f"{name} booked {item}"

    return server


if __name__ == "__main__":
    create_server(*sys.argv[1:3]).run()

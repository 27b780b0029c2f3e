"""Tools for the agents of tests: Python functions, and an MCP server in the process."""

import asyncio
from functools import partial
from typing import Any

from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError as ServerToolError
from pydantic import BaseModel

from perdure.flow import ToolError

calls: list[str] = []
"""The executed calls, oldest first; a test clears it."""


class Address(BaseModel):
    street: str
    number: int = 1


class Person(BaseModel):
    name: str
    address: Address | None = None


def now() -> str:
    """Return the time."""
    calls.append("now")
    return "noon"


def describe(person: Person, *, loud: bool = False) -> Person:
    """Describe a person.

    Args:
        person: The person.
        loud: Whether to use capital letters.
    """
    calls.append(f"describe {type(person).__name__} {person.name}")
    return person.model_copy(update={"name": person.name.upper()}) if loud else person


async def add(first: int, second: int = 1) -> int:
    """Add two numbers."""
    await asyncio.sleep(0)
    calls.append(f"add {first} {second}")
    return first + second


add_ten = partial(add, 10)
add_to_two = partial(add, second=2)
add_to_two.__name__ = "add_to_two"  # type: ignore[attr-defined] # a partial takes any attribute


def total(*numbers: int, **named: int) -> int:
    """Add any numbers."""
    return sum(numbers) + sum(named.values())


def greet(name: str | None = None) -> str:
    """Greet somebody."""
    return f"Hello, {name or 'you'}!"


def open_door() -> object:
    """Return an object that is not JSON."""
    calls.append("open_door")
    return object()


def fail() -> str:
    """Fail with an error that is retried."""
    raise OSError("away")


def refuse() -> str:
    """Fail with a tool error."""
    raise ToolError("not today")


async def linger() -> str:
    """Take a minute."""
    calls.append("began")
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        calls.append("cancelled")
        raise
    return "done"


def shop() -> MCPServer:
    server = MCPServer("shop")

    @server.tool()
    def price(item: str, count: int = 1) -> str:
        """Return a price."""
        return f"{count} {item} cost {3 * count}"

    @server.tool()
    def buy(item: str) -> str:
        """Buy something."""
        calls.append(f"buy {item}")
        return f"bought {item}"

    @server.tool()
    def steal(item: str) -> str:
        """Fail."""
        raise ServerToolError(f"the {item} is guarded")

    @server.tool()
    async def count_stock(ctx: Context[Any, Any]) -> str:
        """Report progress, and return the count."""
        await ctx.report_progress(1, 2, "half of the shelves")
        return "7"

    @server.resource("shop://opening")
    def opening() -> str:
        return "nine to five"

    @server.prompt()
    def offer(item: str) -> str:
        return f"Offer a {item}."

    return server

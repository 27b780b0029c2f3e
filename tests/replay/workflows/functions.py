"""Python functions that agents use as tools. FROZEN, see the package."""

from functools import partial

from perdure.flow import ToolError


def now() -> str:
    """Give the time."""
    return "noon"


async def add(first: int, second: int = 1) -> int:
    """Add two numbers."""
    return first + second


add_ten = partial(add, 10)
add_ten.__name__ = "add_ten"  # type: ignore[attr-defined] # a partial takes any attribute


def refuse() -> str:
    """Never work."""
    raise ToolError("not today")

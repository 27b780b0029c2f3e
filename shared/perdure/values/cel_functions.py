"""The functions that a CEL expression can call."""

from collections.abc import Iterable
from typing import Final

from perdure.values.nearest import nearest

__all__ = ["CEL_FUNCTIONS", "unknown_function"]

# Source: tried with common-expression-language 0.10. It compiles any name, and fails when it evaluates an unknown one.
CEL_FUNCTIONS: Final = frozenset(
    {
        *("size", "contains", "startsWith", "endsWith", "matches"),
        *("string", "bytes", "int", "uint", "double", "type", "dyn", "timestamp", "duration"),
        *("getFullYear", "getMonth", "getDayOfYear", "getDayOfMonth", "getDate", "getDayOfWeek"),
        *("getHours", "getMinutes", "getSeconds", "getMilliseconds"),
    }
)
"""Functions and methods, without macros and operators."""


def unknown_function(names: Iterable[str]) -> str:
    """Return the end of a sentence about the first function that CEL does not have; empty if it has all.

    Args:
        names: As ``Program.functions`` gives them, with operators such as ``_&&_``.
    """
    unknown = sorted(name for name in names if name.isidentifier() and name not in CEL_FUNCTIONS)
    return f"calls {unknown[0]}, which CEL does not have{nearest(unknown[0], CEL_FUNCTIONS)}" if unknown else ""

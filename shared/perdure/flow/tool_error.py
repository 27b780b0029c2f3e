"""How a Python function that is a tool says that it failed for good."""

__all__ = ["ToolError"]


class ToolError(Exception):
    """Raised by a tool's function: an answer that a model reads, not a failure that is tried again."""

"""What no sentence for people holds."""

from typing import Final

__all__ = ["CODE"]

CODE: Final = ("Traceback", "validation error", "object has no attribute", 'File "', "ExceptionGroup", "<class '")
"""Parts of Python's tracebacks and representations, and of pydantic's errors."""

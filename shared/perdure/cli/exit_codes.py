"""The exit codes of all commands, and the code of each error."""

from typing import Final

from perdure.errors import NotFound, Pending, PerdureError, Unavailable, WrongArgument

__all__ = ["INTERRUPTED", "NO", "NOT_FOUND", "PENDING", "UNREACHABLE", "USAGE", "code_of"]

NO: Final = 1
"""The answer is no: the run failed, the vote was refused, a check found something, the configuration is wrong."""
USAGE: Final = 2
"""The command line is wrong; nothing was done."""
PENDING: Final = 3
"""Stored and not judged yet, or still running: wait, and do not send it again."""
NOT_FOUND: Final = 4
"""Nothing has this id."""
UNREACHABLE: Final = 75
"""A server does not answer, or has no room, and repeating the command is safe (``EX_TEMPFAIL`` of sysexits.h)."""
INTERRUPTED: Final = 130
"""Ctrl-C (128 + SIGINT)."""


def code_of(error: PerdureError) -> int:
    """Return the exit code of a command that ends with this error."""
    match error:
        case WrongArgument():
            return USAGE
        case NotFound():
            return NOT_FOUND
        case Pending():
            return PENDING
        case Unavailable():
            return UNREACHABLE
        case _:
            return NO

"""Prints on standard error: the one place, because messages there quote text from outside."""

import sys

from perdure.values.encodable import encodable
from perdure.values.printable import indented, one_line

__all__ = ["print_error", "show_progress"]

_BEGIN_AND_ERASE_LINE = "\r\x1b[K"


def print_error(text: str) -> None:
    """Print a message, with control characters made visible; lines after the first are indented.

    So no line of it can pretend to be a message of its own.
    """
    sys.stderr.write(f"{encodable(indented(text, '  '), sys.stderr.encoding or 'utf-8')}\n")
    sys.stderr.flush()


def show_progress(text: str) -> None:
    """Replace the last line of a terminal, such as a progress before; elsewhere do nothing. Empty text clears it."""
    if sys.stderr.isatty():
        sys.stderr.write(f"{_BEGIN_AND_ERASE_LINE}{encodable(one_line(text), sys.stderr.encoding or 'utf-8')}")
        sys.stderr.flush()

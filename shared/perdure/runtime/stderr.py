"""Prints on standard error: the one place, because messages there quote text from outside."""

import sys

from perdure.values.encodable import encodable
from perdure.values.printable import indented

__all__ = ["print_error"]


def print_error(text: str) -> None:
    """Print a message, with control characters made visible; lines after the first are indented.

    So no line of it can pretend to be a message of its own.
    """
    sys.stderr.write(f"{encodable(indented(text, '  '), sys.stderr.encoding or 'utf-8')}\n")
    sys.stderr.flush()

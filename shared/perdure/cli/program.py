"""The program ``perdure``: Ctrl-C ends it without a traceback, also while it imports what it needs."""

import signal
import sys
from types import FrameType
from typing import NoReturn

__all__ = ["main", "take_interrupts"]

_INTERRUPTED = 130  # as in perdure.cli.exit_codes, which is not imported yet


def main() -> None:
    """Run the command line."""
    signal.signal(signal.SIGINT, _end)
    from perdure.cli.app import main as run

    run()


def take_interrupts() -> None:
    """Let Ctrl-C interrupt the work of a command, as everywhere in Python, from now on."""
    if signal.getsignal(signal.SIGINT) is _end:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _end(_number: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(_INTERRUPTED)

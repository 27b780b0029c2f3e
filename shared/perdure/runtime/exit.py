"""Ends a process that has used temporalio, without the interpreter's finalization.

temporalio 1.35 on CPython 3.11 can abort during finalization ("PyGILState_Release", exit 134), after all work is done
and flushed.
"""

import os
import sys
from typing import NoReturn

__all__ = ["exit_process"]


def exit_process(code: object) -> NoReturn:
    """Flush the standard streams and end the process, with the exit code that ``SystemExit`` would give it."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else int(code is not None))

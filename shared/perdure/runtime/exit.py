"""How a process that has spoken to Temporal leaves.

temporalio 1.35 on CPython 3.11 can die in the interpreter's own ending ("PyGILState_Release", exit 134), after all work
is done and flushed. So such a process leaves without that ending.
"""

import os
import sys
from typing import NoReturn

__all__ = ["exit_process"]


def exit_process(code: object) -> NoReturn:
    """End this process now, with the exit code that ``SystemExit`` would give it."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else int(code is not None))

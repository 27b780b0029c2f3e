"""Where a thread is at this moment, for sentences about code that blocks."""

import sys
import sysconfig
import threading
import traceback
from typing import Final

__all__ = ["place_of_thread"]

_LIBRARIES: Final = tuple(sysconfig.get_paths()[name] for name in ("stdlib", "platstdlib", "purelib", "platlib"))


def place_of_thread(thread: threading.Thread) -> str:
    """Return ``file:line (function)`` of the innermost code of a thread that is not of a library."""
    frame = sys._current_frames().get(thread.ident or 0)  # noqa: SLF001 (the one way to see another thread)
    if frame is None:
        return "a thread that has ended"
    stack = traceback.extract_stack(frame)
    own = [it for it in stack if not it.filename.startswith((*_LIBRARIES, "<"))]
    place = (own or stack)[-1]
    return f"{place.filename}:{place.lineno} ({place.name})"

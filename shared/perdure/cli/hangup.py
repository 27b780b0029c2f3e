"""What SIGHUP means: the terminal of this process was closed, or somebody has sent it."""

import os
import signal
from typing import Final

__all__ = ["Terminal"]

_CONTROLLING: Final = "/dev/tty"


class Terminal:
    """The controlling terminal of this process, as it is when this object is made.

    Attributes:
        outlived: Whether this process shall outlive it: it was started with hangups ignored, as by nohup.
    """

    def __init__(self) -> None:
        self.outlived = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        self._is_open = _opens()
        self._descriptors = [it for it in (0, 1, 2) if os.isatty(it)]

    def has_closed(self) -> bool:
        """Return whether it was closed since this was asked last; what is printed on it is dropped from then on."""
        if not self._is_open or _opens():
            return False
        self._is_open = False
        nowhere = os.open(os.devnull, os.O_RDWR)
        for descriptor in self._descriptors:
            os.dup2(nowhere, descriptor)
        os.close(nowhere)
        return True


def _opens() -> bool:
    """Return whether this process has a terminal: the system takes away one that was closed."""
    try:
        os.close(os.open(_CONTROLLING, os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True

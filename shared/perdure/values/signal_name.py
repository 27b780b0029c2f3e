"""Names of signals, for people."""

import signal

__all__ = ["signal_name"]


def signal_name(number: int) -> str:
    """Return the name of a signal, as ``SIGKILL``; most real-time signals have only a number."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"

"""The order of commands: those of one order key wait for each other."""

from collections.abc import Collection

from perdure.bus import StoredMessage, decode
from perdure.contracts import SignalWorkflow, StartWorkflow
from perdure.errors import InvalidMessage

__all__ = ["command_lanes"]


def command_lanes(message: StoredMessage) -> Collection[str]:
    """Return the order key of a command; nothing if it has none, or cannot be read."""
    try:
        command = decode(message.raw)
    except InvalidMessage:
        return ()
    if isinstance(command, StartWorkflow | SignalWorkflow) and command.order is not None:
        return (command.order,)
    return ()

"""The errors that Perdure raises; the class decides what becomes of the message.

PerdureError
├── SetupError          the operator must fix it before the program can start: printed, exit code 1
├── WrongArgument       what the caller passes is wrong: nothing was done, exit code 2
├── InvalidMessage      the sender's fault: never retried, becomes a dead letter with its reason
├── NotKept             referenced data is gone or has changed: waits for the operator
├── NotFound            there is no such run, request, event, key or dead letter
├── Ambiguous           several runs or requests have the given id or prefix
├── Conflict            the given id names something else already
├── Pending             it is stored, and not done yet: wait, and do not send it again
└── Unavailable         an outside system's fault: retried with jittered backoff
    ├── StreamFull      NATS refused a message for want of room, and stored nothing: repeat it later
    ├── NotConfirmed    it may be stored or not: repeat it with the same id
    └── DeleteRefused   a stream denies to delete its messages: repeat it once an operator has allowed that
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # a command that fails at once need not import every message
    from perdure.contracts.dead_letters import Reason

__all__ = [
    "Ambiguous",
    "Conflict",
    "DeleteRefused",
    "InvalidMessage",
    "NotConfirmed",
    "NotFound",
    "NotKept",
    "Pending",
    "PerdureError",
    "SetupError",
    "StreamFull",
    "Unavailable",
    "WrongArgument",
]


class PerdureError(Exception):
    """Base class of all errors that Perdure raises on purpose."""


class SetupError(PerdureError):
    """The operator must fix something before the program can start."""


class WrongArgument(PerdureError):
    """An argument of a function or a command is wrong, and nothing was done."""


class InvalidMessage(PerdureError):
    """A message that no retry can make valid.

    Attributes:
        reason: Why, for programs: the reason of its dead letter.
        detail: What is wrong and what to do, for people.
    """

    def __init__(self, reason: "Reason", detail: str) -> None:
        super().__init__(detail)
        self.reason: Reason = reason
        self.detail = detail


class NotKept(PerdureError):
    """Referenced data is gone, or has changed since the reference was made."""


class NotFound(PerdureError):
    """Nothing has the given id: no run, request, event, key or dead letter."""


class Ambiguous(PerdureError):
    """Several runs or requests have the given id or prefix; the message lists some of them."""


class Conflict(PerdureError):
    """The given id names something else already, and nothing was stored."""


class Pending(PerdureError):
    """Something is stored and not done yet: a run that has not begun or not ended, a decision without receipt."""


class Unavailable(PerdureError):
    """An outside system, such as NATS, Temporal or a channel, does not respond now; retry later."""


class StreamFull(Unavailable):
    """NATS refused a message because its stream or the server's store is full; nothing was stored."""


class NotConfirmed(Unavailable):
    """NATS did not confirm that it stored a message: it may be stored or not.

    Attributes:
        id: The id under which repeating it stores it once.
    """

    def __init__(self, id_: str, detail: str) -> None:
        super().__init__(detail)
        self.id = id_


class DeleteRefused(Unavailable):
    """A stream denies to delete its messages, and still has the message."""

"""What can go wrong, and whose fault it is.

PerdureError
├── SetupError          the operator's to mend before anything can start: told in a sentence, exit 1
├── InvalidMessage      the sender's fault: never retried, goes to the dead letters with its reason
├── NotKept             what is referred to is gone, or no longer what it was: waits for the operator
└── Unavailable         the world's fault: retried with jittered backoff
"""

from perdure.contracts.dead_letters import Reason

__all__ = ["InvalidMessage", "NotKept", "PerdureError", "SetupError", "Unavailable"]


class PerdureError(Exception):
    """The root of every error that Perdure raises on purpose."""


class SetupError(PerdureError):
    """Something the operator must mend before anything can start."""


class InvalidMessage(PerdureError):
    """A message that will never be understood, however often it is tried.

    Attributes:
        reason: One word of the closed set that dead letters use.
        detail: The sentence a person needs to mend the message.
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason: Reason = reason
        self.detail = detail


class NotKept(PerdureError):
    """Data that is referred to is gone, or is not what it was when the reference was made."""


class Unavailable(PerdureError):
    """A party that is expected to come back: NATS, Temporal, a channel."""

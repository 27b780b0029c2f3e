"""Tells a message that NATS has refused from one that it may have stored."""

from typing import Final

from nats.js.errors import APIError

from perdure.bus.topology import stream_of
from perdure.errors import StreamFull, Unavailable

__all__ = ["not_stored"]

_STORE_FAILED: Final = 10077  # JSStreamStoreFailedF: among others, the bound of a stream that discards new messages
_NO_RESOURCES: Final = 10023  # JSInsufficientResourcesErr: the bound of the server's whole store
_FULL: Final = "maximum bytes exceeded"
_ADVICE: Final = "Nothing was stored: publish it again in a moment. `perdure doctor` names what is full, and why."


def not_stored(subject: str, error: Exception) -> Unavailable:
    """Return what it means that a message was not confirmed.

    A server whose disk is full sends no refusal: it stores nothing and does not reply.
    """
    if isinstance(error, APIError) and error.err_code == _STORE_FAILED and _FULL in (error.description or ""):
        return StreamFull(f"NATS refused: {stream_of(subject).name} is full ({error.description}). {_ADVICE}")
    if isinstance(error, APIError) and error.err_code == _NO_RESOURCES:
        return StreamFull(f"NATS refused {subject}: its whole store is full ({error.description}). {_ADVICE}")
    return Unavailable(f"NATS did not confirm a message on {subject}: {error!r}")

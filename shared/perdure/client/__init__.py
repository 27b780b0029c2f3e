"""The Python client: publish an event, wait for its outcome, read a result, decide on an approval request.

It needs no extras of the package, and NATS only::

    from perdure.client import connect

    async with connect() as perdure:  # the suite of this folder; or connect("nats://bus:4222", role="publisher")
        event = await perdure.publish("documents.submitted", {"path": "contract.md"}, id="42")
        outcome = await perdure.wait(event, within=60)

A program in another language does the same: it publishes to ``events.<type>``, and asks on
``queries.events.outcome.<type>`` what has become of its event (``perdure.contracts.outcomes``).
"""

from perdure.client.client import Client, Role, connect
from perdure.client.published import PublishedEvent
from perdure.contracts import Progress, Receipt
from perdure.contracts.outcomes import EventOutcome, EventRun, EventState, RefusedEvent
from perdure.errors import (
    Ambiguous,
    Conflict,
    NotConfirmed,
    NotFound,
    Pending,
    PerdureError,
    SetupError,
    StreamFull,
    Unavailable,
    WrongArgument,
)

__all__ = [
    "Ambiguous",
    "Client",
    "Conflict",
    "EventOutcome",
    "EventRun",
    "EventState",
    "NotConfirmed",
    "NotFound",
    "Pending",
    "PerdureError",
    "Progress",
    "PublishedEvent",
    "Receipt",
    "RefusedEvent",
    "Role",
    "SetupError",
    "StreamFull",
    "Unavailable",
    "WrongArgument",
    "connect",
]

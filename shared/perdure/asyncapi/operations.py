"""AsyncAPI operations: what services, publishers, bots and operators send and receive."""

from typing import Any, Final

from perdure.asyncapi.channels import CHANNELS, SubjectChannel
from perdure.asyncapi.flow import CLIENTS, PUBLISHERS, subscribers
from perdure.asyncapi.requests import request_operations

__all__ = ["NATS_BINDING", "operations"]

NATS_BINDING: Final = {"nats": {"bindingVersion": "0.1.0"}}
"""AsyncAPI's binding for NATS knows one field, ``queue``, and Perdure uses no queue groups."""

_RECEIPT: Final = (
    "Subscribe to `receipts` of the request before you send. The receipt whose `decision_id` is "
    "`<request id>.<approver>.<nonce>` says whether the decision counts; one with the code `waiting` is not the last."
)


def operations() -> dict[str, Any]:
    """Return all operations, by ``<who>.<send or receive>.<channel>``."""
    return {
        f"{who}.{action}.{channel.name}": _operation(who, action, channel)
        for channel in CHANNELS
        for action, senders in (("send", PUBLISHERS[channel.stream]), ("receive", subscribers(channel.stream)))
        for who in (*senders, *_clients(action, channel))
    } | request_operations()


def _clients(action: str, channel: SubjectChannel) -> list[str]:
    return [role for role, actions in CLIENTS.items() if channel.stream in actions[action]]


def _operation(who: str, action: str, channel: SubjectChannel) -> dict[str, Any]:
    operation = {
        "action": action,
        "title": f"{who} {action}s {channel.name}",
        "channel": {"$ref": f"#/channels/{channel.name}"},
        "messages": [{"$ref": f"#/channels/{channel.name}/messages/{channel.message}"}],
        "tags": [{"name": who}],
        "bindings": NATS_BINDING,
    }
    return operation | ({"description": _RECEIPT} if (action, channel.name) == ("send", "decisions") else {})

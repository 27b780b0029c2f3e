"""The AsyncAPI 3.0 document: every subject, what is said there, and which service says or hears it."""

from typing import Any, Final

from perdure.asyncapi.channels import CHANNELS, Channel
from perdure.asyncapi.flow import SAID_BY, listeners
from perdure.asyncapi.headers import CLOUD_EVENT, HEADERS, headers_of
from perdure.asyncapi.schemas import schema_file
from perdure.asyncapi.version import VERSION

__all__ = ["asyncapi_document"]

_DESCRIPTION: Final = """\
What Perdure says and hears on NATS: CloudEvents 1.0 in binary mode with a JSON body, kept in JetStream streams.

Within a version fields and words of an enumeration may be added: readers ignore the fields that they do not know and
expect words that they do not know. Whatever else would break a reader or a writer comes with a new version."""

_IN_A_SUBJECT: Final = "Every character outside `A-Z a-z 0-9 _ -` is written `=XX`, its UTF-8 bytes in hex."
_SCHEMA_FORMAT: Final = "application/schema+json;version=2020-12"


def asyncapi_document() -> dict[str, Any]:
    """Return the document; its payloads point to the schema files beside it."""
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Perdure", "version": VERSION, "description": _DESCRIPTION},
        "defaultContentType": "application/json",
        "channels": {channel.name: _channel(channel) for channel in CHANNELS},
        "operations": {
            f"{service}.{action}.{channel.name}": _operation(service, action, channel)
            for channel in CHANNELS
            for action, services in (("send", SAID_BY[channel.stream]), ("receive", listeners(channel.stream)))
            for service in services
        },
        "components": {
            "messages": {channel.message: _message(channel) for channel in CHANNELS},
            "schemas": {CLOUD_EVENT: HEADERS},
        },
    }


def _channel(channel: Channel) -> dict[str, Any]:
    return {
        "address": channel.address,
        "description": f"Kept in the stream {channel.stream}.",
        "messages": {channel.message: {"$ref": f"#/components/messages/{channel.message}"}},
        "parameters": {name: _parameter(channel, name) for name in channel.parameters},
    }


def _parameter(channel: Channel, name: str) -> dict[str, Any]:
    if channel.name == "events":
        return {"description": "What happened, dotted, as in `documents.submitted`."}
    if channel.said_by_others:
        return {"description": _IN_A_SUBJECT}
    return {"description": _IN_A_SUBJECT, "location": f"$message.payload#/{name}"}


def _message(channel: Channel) -> dict[str, Any]:
    return {
        "name": channel.name,
        "title": channel.message,
        "summary": channel.summary,
        "contentType": "application/json",
        "headers": headers_of(channel),
        "payload": {"schemaFormat": _SCHEMA_FORMAT, "schema": _payload(channel)},
    }


def _payload(channel: Channel) -> dict[str, Any]:
    """Point to the schema; what is the user's own may be any JSON."""
    return {"$ref": schema_file(channel)} if channel.model else {}


def _operation(service: str, action: str, channel: Channel) -> dict[str, Any]:
    return {
        "action": action,
        "title": f"{service} {'says' if action == 'send' else 'hears'} {channel.name}",
        "channel": {"$ref": f"#/channels/{channel.name}"},
        "messages": [{"$ref": f"#/channels/{channel.name}/messages/{channel.message}"}],
        "tags": [{"name": service}],
    }

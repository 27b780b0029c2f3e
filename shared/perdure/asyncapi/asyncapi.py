"""The AsyncAPI 3.0 document: every subject, its message, and the services that send and receive it."""

from typing import Any, Final

from perdure.asyncapi.channels import CHANNELS, SubjectChannel
from perdure.asyncapi.flow import PUBLISHERS, subscribers
from perdure.asyncapi.headers import CLOUD_EVENT, HEADERS, headers_of
from perdure.asyncapi.requests import request_channels, request_messages, request_operations
from perdure.asyncapi.schemas import schema_file
from perdure.asyncapi.version import VERSION

__all__ = ["asyncapi_document"]

_DESCRIPTION: Final = """\
The messages that Perdure sends and receives on NATS: CloudEvents 1.0 in binary mode with a JSON body, stored in
JetStream streams.

Within a version, fields and enumeration values may be added: readers ignore unknown fields and accept unknown values.
Every other change that would break a reader or a writer comes with a new version."""

_ESCAPING: Final = "Each UTF-8 byte of a character outside `A-Z a-z 0-9 _ -` is written `=XX`, in hex."
_SCHEMA_FORMAT: Final = "application/schema+json;version=2020-12"


def asyncapi_document() -> dict[str, Any]:
    """Return the document; its payloads refer to the schema files beside it."""
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Perdure", "version": VERSION, "description": _DESCRIPTION},
        "defaultContentType": "application/json",
        "channels": {channel.name: _channel(channel) for channel in CHANNELS} | request_channels(),
        "operations": {
            f"{service}.{action}.{channel.name}": _operation(service, action, channel)
            for channel in CHANNELS
            for action, services in (("send", PUBLISHERS[channel.stream]), ("receive", subscribers(channel.stream)))
            for service in services
        }
        | request_operations(),
        "components": {
            "messages": {channel.message: _message(channel) for channel in CHANNELS} | request_messages(),
            "schemas": {CLOUD_EVENT: HEADERS},
        },
    }


def _channel(channel: SubjectChannel) -> dict[str, Any]:
    return {
        "address": channel.address,
        "description": f"Stored in the stream {channel.stream}.",
        "messages": {channel.message: {"$ref": f"#/components/messages/{channel.message}"}},
        "parameters": {name: _parameter(channel, name) for name in channel.parameters},
    }


def _parameter(channel: SubjectChannel, name: str) -> dict[str, Any]:
    if channel.name == "events":
        return {"description": "The event's type, dotted, as in `documents.submitted`."}
    if channel.is_external:
        return {"description": _ESCAPING}
    return {"description": _ESCAPING, "location": f"$message.payload#/{name}"}


def _message(channel: SubjectChannel) -> dict[str, Any]:
    return {
        "name": channel.name,
        "title": channel.message,
        "summary": channel.summary,
        "contentType": "application/json",
        "headers": headers_of(channel),
        "payload": {"schemaFormat": _SCHEMA_FORMAT, "schema": _payload(channel)},
    }


def _payload(channel: SubjectChannel) -> dict[str, Any]:
    """Refer to the schema; bodies of users' own may be any JSON."""
    return {"$ref": schema_file(channel)} if channel.model else {}


def _operation(service: str, action: str, channel: SubjectChannel) -> dict[str, Any]:
    return {
        "action": action,
        "title": f"{service} {action}s {channel.name}",
        "channel": {"$ref": f"#/channels/{channel.name}"},
        "messages": [{"$ref": f"#/channels/{channel.name}/messages/{channel.message}"}],
        "tags": [{"name": service}],
    }

"""The AsyncAPI 3.0 document: every subject, its message, and the services that send and receive it."""

from typing import Any, Final

from perdure.asyncapi.channels import CHANNELS, SubjectChannel
from perdure.asyncapi.examples import EXAMPLES
from perdure.asyncapi.headers import CLOUD_EVENT, HEADERS, headers_of
from perdure.asyncapi.operations import NATS_BINDING, operations
from perdure.asyncapi.requests import request_channels, request_messages
from perdure.asyncapi.schemas import schema_file
from perdure.asyncapi.servers import SECURITY_SCHEMES, SERVERS
from perdure.bus.topology import stream_of
from perdure.contracts.version import VERSION

__all__ = ["asyncapi_document"]

_DESCRIPTION: Final = """\
The messages that Perdure sends and receives on NATS: CloudEvents 1.0 in binary mode with a JSON body, stored in
JetStream streams.

Within a version, fields and values may be added: readers ignore unknown fields, and where a schema lists
`x-known-values` they accept unknown ones too. Other enumerations are closed.
Every other change that would break a reader or a writer comes with a new version."""

_ESCAPING: Final = "Each UTF-8 byte of a character outside `A-Z a-z 0-9 _ -` is written `=XX`, in hex."
_SCHEMA_FORMAT: Final = "application/schema+json;version=2020-12"


def asyncapi_document() -> dict[str, Any]:
    """Return the document; its payloads refer to the schema files beside it."""
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Perdure", "version": VERSION, "description": _DESCRIPTION},
        "servers": SERVERS,
        "defaultContentType": "application/json",
        "channels": {channel.name: _channel(channel) for channel in CHANNELS} | request_channels(),
        "operations": operations(),
        "components": {
            "messages": {channel.message: _message(channel) for channel in CHANNELS} | request_messages(),
            "schemas": {CLOUD_EVENT: HEADERS},
            "securitySchemes": SECURITY_SCHEMES,
        },
    }


def _channel(channel: SubjectChannel) -> dict[str, Any]:
    return {
        "address": channel.address,
        "description": f"Stored in the stream {channel.stream}.",
        "messages": {channel.message: {"$ref": f"#/components/messages/{channel.message}"}},
        "parameters": {name: _parameter(channel, name) for name in channel.parameters},
        "bindings": NATS_BINDING,
        "x-jetstream": _stream(channel),
    }


def _stream(channel: SubjectChannel) -> dict[str, Any]:
    """Return what the binding of NATS has no field for: how JetStream keeps the messages."""
    stream = stream_of(channel.address)
    return {
        "stream": stream.name,
        "maxAgeSeconds": int(stream.max_age.total_seconds()),
        "duplicateWindowSeconds": int(stream.duplicate_window.total_seconds()),
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
        "examples": [{"payload": EXAMPLES[channel.name]}],
    }


def _payload(channel: SubjectChannel) -> dict[str, Any]:
    """Refer to the schema; bodies of users' own may be any JSON."""
    return {"$ref": schema_file(channel.name)} if channel.model else {}

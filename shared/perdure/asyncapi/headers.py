"""The schema of message headers: CloudEvents 1.0 binary mode for NATS, trace context and message id."""

from typing import Any, Final

from perdure.asyncapi.channels import SubjectChannel
from perdure.bus.envelope import MESSAGE_ID, PARTITION_KEY, SPEC_VERSION

__all__ = ["CLOUD_EVENT", "HEADERS", "headers_of"]

CLOUD_EVENT: Final = "CloudEventHeaders"

HEADERS: Final[dict[str, Any]] = {
    "type": "object",
    "description": "Values are percent-encoded as in the NATS protocol binding of CloudEvents, section 3.1.3.2.",
    "properties": {
        "ce-id": {"type": "string", "description": "The message id: the same id is the same message."},
        f"ce-{PARTITION_KEY}": {"type": "string", "description": "The value of the route's `flow.key`, if it has one."},
        "ce-source": {"type": "string", "description": "The publisher, a URI reference."},
        "ce-specversion": {"type": "string", "const": SPEC_VERSION},
        "ce-subject": {
            "type": "string",
            "description": "What it is about; for messages of a run, its workflow id.",
        },
        "ce-time": {
            "type": "string",
            "format": "date-time",
            "description": "When it happened; the same in every resend. Absent if the message has no such instant.",
        },
        "ce-type": {"type": "string", "description": "The message type."},
        "ce-datacontenttype": {"type": "string", "description": "The body is JSON."},
        "ce-dataschema": {
            "type": "string",
            "description": "The `$id` of the schema in the published contract, with its version. Readers ignore it.",
        },
        "content-type": {"type": "string", "description": "As `ce-datacontenttype`, for older readers."},
        MESSAGE_ID: {
            "type": "string",
            "description": "JetStream stores an id once within its duplicate window.",
        },
        "traceparent": {"type": "string", "description": "W3C Trace Context."},
        "tracestate": {"type": "string", "description": "W3C Trace Context."},
    },
}

_ALWAYS: Final = [
    *("ce-datacontenttype", "ce-dataschema", "ce-id", "ce-source", "ce-specversion", "ce-type"),
    *("content-type", MESSAGE_ID),
]


def headers_of(channel: SubjectChannel) -> dict[str, Any]:
    """Return the schema of a channel's headers; messages of users' programs may leave out all of them."""
    common = {"$ref": f"#/components/schemas/{CLOUD_EVENT}"}
    if channel.is_external:
        return common
    own = {"properties": {"ce-type": {"const": channel.name}}, "required": _ALWAYS}
    return {"type": "object", "allOf": [common, own]}

"""The headers of a message: CloudEvents 1.0 in NATS binary mode, the trace, and what NATS de-duplicates by."""

from typing import Any, Final

from perdure.asyncapi.channels import Channel
from perdure.bus.envelope import MESSAGE_ID, SPEC_VERSION

__all__ = ["CLOUD_EVENT", "HEADERS", "headers_of"]

CLOUD_EVENT: Final = "CloudEventHeaders"

HEADERS: Final[dict[str, Any]] = {
    "type": "object",
    "description": "Values are percent-encoded as in the CloudEvents HTTP binding, section 3.1.3.2.",
    "properties": {
        "ce-id": {"type": "string", "description": "Names the message for ever: the same id is the same message."},
        "ce-source": {"type": "string", "description": "Who says it, a URI reference."},
        "ce-specversion": {"type": "string", "const": SPEC_VERSION},
        "ce-subject": {"type": "string", "description": "What it is about; of a run's messages, the run."},
        "ce-time": {"type": "string", "format": "date-time", "description": "When it was said."},
        "ce-type": {"type": "string", "description": "What kind of message it is."},
        "content-type": {"type": "string", "description": "The body is JSON."},
        MESSAGE_ID: {"type": "string", "description": "NATS stores a message id once within its duplicate window."},
        "traceparent": {"type": "string", "description": "W3C Trace Context."},
        "tracestate": {"type": "string", "description": "W3C Trace Context."},
    },
}

_ALWAYS: Final = ["ce-id", "ce-source", "ce-specversion", "ce-time", "ce-type", "content-type", MESSAGE_ID]


def headers_of(channel: Channel) -> dict[str, Any]:
    """Return what the headers of a channel's message must be; others may leave them all out."""
    common = {"$ref": f"#/components/schemas/{CLOUD_EVENT}"}
    if channel.said_by_others:
        return common
    own = {"properties": {"ce-type": {"const": channel.name}}, "required": _ALWAYS}
    return {"type": "object", "allOf": [common, own]}

"""What the body of each message must be, in JSON Schema.

A schema tells what Perdure takes, which includes what an older version said: streams keep messages for months. So a
field that has a default need not be there, although Perdure itself always writes it.
"""

from typing import Any, Final

from perdure.asyncapi.channels import Channel
from perdure.contracts import Message

__all__ = ["schema_file", "schema_of"]

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def schema_file(channel: Channel) -> str:
    """Return where the schema lies, from the folder of its version."""
    return f"schemas/{channel.name}.json"


def schema_of(channel: Channel, model: type[Message]) -> dict[str, Any]:
    """Return the schema of what is said in a channel."""
    schema = model.model_json_schema(mode="validation")
    return {"$schema": _DIALECT, **schema, "required": _required(channel, schema["required"])}


def _required(channel: Channel, required: list[str]) -> list[str]:
    """Tell what cannot be left out: others need not repeat what the subject says, Perdure always names the type."""
    if channel.said_by_others:
        return sorted(set(required) - set(channel.parameters))
    return sorted({*required, "type"})

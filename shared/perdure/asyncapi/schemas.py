"""The JSON Schema of each message's body.

A schema describes what Perdure accepts, including messages of older versions: streams keep messages for months. So a
field with a default is not required, although Perdure itself always writes it.
"""

from typing import Any, Final

from perdure.asyncapi.channels import SubjectChannel
from perdure.contracts import Message

__all__ = ["schema_file", "schema_of"]

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def schema_file(channel: SubjectChannel) -> str:
    """Return the path of a channel's schema within the folder of its version."""
    return f"schemas/{channel.name}.json"


def schema_of(channel: SubjectChannel, model: type[Message]) -> dict[str, Any]:
    """Return the schema of a channel's message body."""
    schema = model.model_json_schema(mode="validation")
    return {"$schema": _DIALECT, **schema, "required": _required(channel, schema["required"])}


def _required(channel: SubjectChannel, required: list[str]) -> list[str]:
    """List the required fields: external publishers need not repeat the subject; Perdure always writes ``type``."""
    if channel.is_external:
        return sorted(set(required) - set(channel.parameters))
    return sorted({*required, "type"})

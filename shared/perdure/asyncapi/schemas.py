"""The JSON Schema of each message's body.

A schema describes what Perdure accepts, including messages of older versions: streams keep messages for months. So a
field with a default is not required, although Perdure itself always writes it.
"""

from typing import Any, Final

from pydantic import BaseModel

from perdure.asyncapi.channels import SubjectChannel
from perdure.asyncapi.descriptions import describe_fields
from perdure.asyncapi.examples import EXAMPLES
from perdure.contracts import Message
from perdure.contracts.version import schema_id

__all__ = ["body_schema", "schema_file", "schema_of"]

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_SIGNED: Final[dict[str, tuple[str, ...]]] = {"decisions": ("key_id", "signature")}
"""Fields that a message can lack and still get a receipt, which refuses it: for writers they are required."""


def schema_file(name: str) -> str:
    """Return the path of a message's schema within the folder of its version."""
    return f"schemas/{name}.json"


def schema_of(channel: SubjectChannel, model: type[Message]) -> dict[str, Any]:
    """Return the schema of a channel's message body."""
    schema = body_schema(channel.name, model)
    for name in _SIGNED.get(channel.name, ()):
        field = schema["properties"][name]
        schema["properties"][name] = {"type": "string", "description": field["description"]}
    return {**schema, "required": _required(channel, schema["required"])}


def body_schema(name: str, model: type[BaseModel]) -> dict[str, Any]:
    """Return the schema of a body: with its id, a description for each field, and an example."""
    schema = describe_fields(model.model_json_schema(mode="validation"), model)
    return {"$schema": _DIALECT, "$id": schema_id(name), **schema, "examples": [EXAMPLES[name]]}


def _required(channel: SubjectChannel, required: list[str]) -> list[str]:
    """List the required fields: external publishers need not repeat the subject; Perdure always writes ``type``."""
    if channel.is_external:
        return sorted({*required, *_SIGNED.get(channel.name, ())} - set(channel.parameters))
    return sorted({*required, "type"})

"""AsyncAPI channels, operations and schemas of the requests that programs in any language may send."""

from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel

from perdure.asyncapi.descriptions import summary
from perdure.asyncapi.examples import EXAMPLES
from perdure.asyncapi.schemas import body_schema, schema_file
from perdure.contracts.outcomes import EVENT_OUTCOME, EventOutcome, EventQuery

__all__ = ["REQUESTS", "Request", "request_channels", "request_messages", "request_operations", "request_schemas"]

_SCHEMA_FORMAT: Final = "application/schema+json;version=2020-12"


@dataclass(frozen=True, slots=True)
class Request:
    """A subject on which a service answers requests, with the models of both bodies.

    Attributes:
        name: The first tokens of the subject.
        parameters: The tokens that follow, with the description of each.
        service: The service that answers.
        summary: What is asked.
        asked: The model of the request's body.
        answered: The model of the reply's body.
    """

    name: str
    parameters: dict[str, str]
    service: str
    summary: str
    asked: type[BaseModel]
    answered: type[BaseModel]

    @property
    def reply_name(self) -> str:
        """Name of the channel of the replies."""
        return f"{self.name}.reply"

    @property
    def bodies(self) -> dict[str, type[BaseModel]]:
        """The models of both bodies, by channel."""
        return {self.name: self.asked, self.reply_name: self.answered}


REQUESTS: Final = (
    Request(
        EVENT_OUTCOME,
        {"type": "The event's type, dotted, as it was published."},
        "ingest",
        "Asks what has become of an event, by its id.",
        EventQuery,
        EventOutcome,
    ),
)


def request_channels() -> dict[str, Any]:
    """Return the channels: that of each request, and that of its replies."""
    channels: dict[str, Any] = {}
    for it in REQUESTS:
        channels[it.name] = {
            "address": ".".join([it.name, *(f"{{{name}}}" for name in it.parameters)]),
            "description": f"Core NATS request and reply; stored in no stream. {it.summary}",
            "messages": _reference(it.asked),
            "parameters": {name: {"description": text} for name, text in it.parameters.items()},
        }
        channels[it.reply_name] = {
            "address": None,
            "description": "The reply subject of the request, as NATS clients make it.",
            "messages": _reference(it.answered),
        }
    return channels


def request_operations() -> dict[str, Any]:
    """Return two operations for each request: a publisher sends it, and its service receives it, and replies."""
    return {
        f"{who}.{action}.{it.name}": {
            "action": action,
            "title": f"{who} {verb} {it.name}",
            "channel": {"$ref": f"#/channels/{it.name}"},
            "messages": [{"$ref": f"#/channels/{it.name}/messages/{it.asked.__name__}"}],
            "reply": {
                "channel": {"$ref": f"#/channels/{it.reply_name}"},
                "messages": [{"$ref": f"#/channels/{it.reply_name}/messages/{it.answered.__name__}"}],
            },
            "tags": [{"name": who}],
        }
        for it in REQUESTS
        for who, action, verb in ((it.service, "receive", "answers"), ("publisher", "send", "asks"))
    }


def request_messages() -> dict[str, Any]:
    """Return the messages of all requests and replies; they have no headers."""
    return {
        model.__name__: {
            "name": name,
            "title": model.__name__,
            "summary": summary(model),
            "examples": [{"payload": EXAMPLES[name]}],
            "contentType": "application/json",
            "payload": {"schemaFormat": _SCHEMA_FORMAT, "schema": {"$ref": schema_file(name)}},
        }
        for it in REQUESTS
        for name, model in it.bodies.items()
    }


def request_schemas() -> dict[str, dict[str, Any]]:
    """Return the schema of each body by its path within the folder of its version."""
    return {schema_file(name): body_schema(name, model) for it in REQUESTS for name, model in it.bodies.items()}


def _reference(model: type[BaseModel]) -> dict[str, Any]:
    return {model.__name__: {"$ref": f"#/components/messages/{model.__name__}"}}

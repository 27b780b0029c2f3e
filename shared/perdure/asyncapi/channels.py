"""A channel is one kind of subject and the message that is said there."""

from dataclasses import dataclass
from inspect import cleandoc
from typing import Any, Final, get_args

from pydantic import BaseModel

from perdure.asyncapi.flow import SAID_BY
from perdure.bus.topology import stream_of
from perdure.contracts import AnyMessage, Event, Message

__all__ = ["CHANNELS", "Channel"]


@dataclass(frozen=True, slots=True)
class Channel:
    """Where one kind of message is said.

    Attributes:
        name: The first tokens of the subject, which are the type of the message too.
        parameters: What the other tokens stand for, outermost first.
        message: The message's name.
        summary: What the message says, a sentence.
        model: What the body must be; none where it is any JSON, the user's own.
    """

    name: str
    parameters: tuple[str, ...]
    message: str
    summary: str
    model: type[Message] | None = None

    @property
    def address(self) -> str:
        """The subject, with its parameters in braces."""
        return ".".join([self.name, *(f"{{{name}}}" for name in self.parameters)])

    @property
    def stream(self) -> str:
        """The stream that keeps it."""
        return stream_of(self.address).name

    @property
    def said_by_others(self) -> bool:
        """Whether it is users' programs and bots that write it."""
        return not SAID_BY[self.stream]


def _channel(model: type[Message]) -> Channel:
    fields: dict[str, Any] = {name: name for name in model.model_fields if name != "type"}
    named = model.model_construct(**fields)
    return Channel(named.type, named.address, model.__name__, _summary(model), model)


def _summary(model: type[BaseModel]) -> str:
    return cleandoc(model.__doc__ or "").partition("\n")[0]


_union, _ = get_args(AnyMessage)

CHANNELS: Final = tuple(
    sorted(
        (
            *map(_channel, get_args(_union)),
            Channel("events", ("type",), "Event", _summary(Event)),
            Channel(
                "signals", ("workflow_id", "signal"), "Signal", "A run is told something; the body is its argument."
            ),
        ),
        key=lambda channel: channel.name,
    )
)
"""All of them, by name."""

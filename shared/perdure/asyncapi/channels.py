"""AsyncAPI channels: one for each message type, with its subject."""

from dataclasses import dataclass
from typing import Any, Final, get_args

from perdure.asyncapi.descriptions import summary
from perdure.asyncapi.flow import PUBLISHERS
from perdure.bus.topology import stream_of
from perdure.contracts import AnyMessage, Event, Message

__all__ = ["CHANNELS", "SubjectChannel"]


@dataclass(frozen=True, slots=True)
class SubjectChannel:
    """A subject pattern and the type of its messages.

    Attributes:
        name: The first tokens of the subject; equal to the message's ``type``.
        parameters: Names of the tokens that follow, outermost first.
        message: Name of the message.
        summary: The first line of its description.
        model: The model of the body; None where users send any JSON.
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
        """The stream that stores it."""
        return stream_of(self.address).name

    @property
    def is_external(self) -> bool:
        """Whether users' programs and bots publish it, not a service of Perdure."""
        return not PUBLISHERS[self.stream]


def _channel(model: type[Message]) -> SubjectChannel:
    fields: dict[str, Any] = {name: name for name in model.model_fields if name != "type"}
    named = model.model_construct(**fields)
    return SubjectChannel(named.type, named.address, model.__name__, summary(model), model)


_union, _ = get_args(AnyMessage)

CHANNELS: Final = tuple(
    sorted(
        (
            *map(_channel, get_args(_union)),
            SubjectChannel("events", ("type",), "Event", summary(Event)),
            SubjectChannel(
                "signals", ("workflow_id", "signal"), "Signal", "A signal to a run; the body is the signal's argument."
            ),
        ),
        key=lambda channel: channel.name,
    )
)
"""All channels, by name."""

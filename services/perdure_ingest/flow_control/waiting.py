"""How a start lies in a waiting stream: ``<waiting|latest>.<stage>.<route>.<priority>.<key>``, oldest first."""

from dataclasses import dataclass
from hashlib import sha256
from typing import Final, Literal, Self

from opentelemetry import propagate
from pydantic import ValidationError

from perdure.bus import Bus, RawMessage, StoredMessage
from perdure.bus.envelope import MESSAGE_ID, describe_errors, header_value
from perdure.bus.settlement import make_dead_letter
from perdure.contracts import StartWorkflow, to_token

__all__ = ["Place", "Stage", "read_start", "wire_of"]

Stage = Literal["start", "batch"]

_USUAL: Final = 3
_LONGEST_KEY: Final = 200  # characters of a token; what is longer goes by its SHA-256


@dataclass(frozen=True, slots=True)
class Place:
    """Where the starts of a route wait.

    Attributes:
        stream: ``waiting`` keeps all of them, ``latest`` the newest of each key.
        stage: Whether they wait to go, or for a batch to be full.
    """

    stream: Literal["waiting", "latest"]
    stage: Stage
    route: str

    @classmethod
    def read(cls, subject: str) -> Self:
        """Return the place that a subject belongs to; the route is its token."""
        stream, stage, route, _, _ = subject.split(".")
        return cls("latest" if stream == "latest" else "waiting", "batch" if stage == "batch" else "start", route)

    @property
    def everything(self) -> str:
        """The subjects of all that waits there."""
        return f"{self.stream}.{self.stage}.{self.route}.>"

    def of_priority(self, priority: int) -> str:
        """The subjects of all that waits there with this priority."""
        return f"{self.stream}.{self.stage}.{self.route}.{priority}.>"

    def subject(self, start: StartWorkflow, key: str) -> str:
        """Where this start waits; of what counts only as the newest, there is one subject a key."""
        priority = _USUAL if self.stream == "latest" else start.options.priority or _USUAL
        return f"{self.stream}.{self.stage}.{self.route}.{priority}.{_key_token(key)}"


def wire_of(subject: str, start: StartWorkflow) -> RawMessage:
    """Write a start down so that it waits; it keeps its message id and its trace."""
    headers = {MESSAGE_ID: header_value(start.message_id)}
    propagate.inject(headers)
    return RawMessage(subject, start.model_dump_json().encode(), headers)


async def read_start(heard: StoredMessage, bus: Bus) -> StartWorkflow | None:
    """Read a start that waits; what is none becomes a dead letter and waits no longer.

    Raises:
        Unavailable: NATS does not answer.
    """
    try:
        return StartWorkflow.model_validate_json(heard.raw.body)
    except ValidationError as error:
        await bus.publish(make_dead_letter(heard, "bad_message", describe_errors(error), service="ingest"))
        await bus.delete(heard.stream, heard.sequence)
        return None


def _key_token(key: str) -> str:
    token = to_token(key)
    return token if len(token) <= _LONGEST_KEY else sha256(key.encode()).hexdigest()

"""Waiting starts: messages on ``<waiting|latest>.<stage>.<route>.<priority>.<key>``, oldest first."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, Literal, Self
from urllib.parse import unquote

from opentelemetry import propagate
from pydantic import ValidationError

from perdure.bus import Bus, RawMessage, StoredMessage
from perdure.bus.dead_letter import make_dead_letter, publish_dead_letter
from perdure.bus.envelope import MESSAGE_ID, RUN, describe_errors, header, header_value
from perdure.contracts import EventVerdict, StartWorkflow, to_token

__all__ = [
    "Stage",
    "WaitingSubjects",
    "_to_key_token",
    "encode_start",
    "journal_name",
    "key_token",
    "priority_of",
    "read_start",
    "replaced_by",
]

Stage = Literal["start", "batch"]

_USUAL_PRIORITY: Final = 3
_REPLACED: Final = "Perdure-Replaced"
_LONGEST_TOKEN: Final = 200  # characters; a longer key is replaced by its SHA-256


@dataclass(frozen=True, slots=True)
class WaitingSubjects:
    """The subjects under which starts of a route wait.

    Attributes:
        stream: ``waiting`` keeps every start, ``latest`` the newest of each key.
        stage: Whether they wait for their release, or for a batch to be full.
        route: The route's name, as a token.
    """

    stream: Literal["waiting", "latest"]
    stage: Stage
    route: str

    @classmethod
    def containing(cls, subject: str) -> Self:
        """Return the subjects that a start's subject belongs to."""
        stream, stage, route, _, _ = subject.split(".")
        return cls("latest" if stream == "latest" else "waiting", "batch" if stage == "batch" else "start", route)

    @property
    def pattern(self) -> str:
        """The pattern that matches all of them."""
        return f"{self.stream}.{self.stage}.{self.route}.>"

    def pattern_of_priority(self, priority: int) -> str:
        """Return the pattern that matches those of one priority."""
        return f"{self.stream}.{self.stage}.{self.route}.{priority}.>"

    def pattern_of_key(self, token: str) -> str:
        """Return the pattern that matches those of one key."""
        return f"{self.stream}.{self.stage}.{self.route}.*.{token}"

    def subject(self, start: StartWorkflow, key: str) -> str:
        """Return the subject of one start; in ``latest``, each key has only one, whatever the priority."""
        priority = _USUAL_PRIORITY if self.stream == "latest" else start.options.priority or _USUAL_PRIORITY
        return f"{self.stream}.{self.stage}.{self.route}.{priority}.{_to_key_token(key)}"


def journal_name(subjects: WaitingSubjects, in_use: AbstractSet[WaitingSubjects]) -> str:
    """Return the name of the lease and the journal of those who release what waits under these subjects.

    Args:
        subjects: Where starts wait.
        in_use: The subjects of the configured routes. One of them that queues elsewhere now has a leader of its own.
    """
    is_led = subjects not in in_use and subjects.route in {it.route for it in in_use}
    return f"{subjects.route}=former-{subjects.stream}" if is_led else subjects.route  # no token has such a name


def key_token(subject: str) -> str:
    """Return the key's token of a start's subject."""
    return subject.rsplit(".", 1)[-1]


def priority_of(subject: str) -> int:
    """Return the priority of a start's subject, or of a pattern of one priority."""
    return int(subject.split(".")[3])


def encode_start(subject: str, start: StartWorkflow, replaced: EventVerdict | None = None) -> RawMessage:
    """Return a start as a message that waits under a subject; it keeps its message id and its trace.

    Args:
        subject: The subject.
        start: The start.
        replaced: The verdict on the start that it replaces. It is published once the message is stored; whoever finds
            the message publishes it again, in case that process died before it did.
    """
    headers = {MESSAGE_ID: header_value(start.message_id), RUN: header_value(start.workflow_id)}
    if replaced is not None:
        headers[_REPLACED] = header_value(replaced.model_dump_json(exclude_defaults=True))
    propagate.inject(headers)
    return RawMessage(subject, start.model_dump_json().encode(), headers)


def replaced_by(message: StoredMessage) -> list[EventVerdict]:
    """Return the verdict on the start that a waiting one replaced; nothing if it replaced none."""
    text = header(message.raw.headers, _REPLACED)
    return [] if text is None else [EventVerdict.model_validate_json(unquote(text))]


async def read_start(message: StoredMessage, bus: Bus) -> StartWorkflow | None:
    """Read a waiting start; a message that is no start is dead-lettered and deleted.

    Raises:
        Unavailable: NATS does not answer.
    """
    try:
        return StartWorkflow.model_validate_json(message.raw.body)
    except ValidationError as error:
        await publish_dead_letter(
            bus, make_dead_letter(message, "bad_message", describe_errors(error), service="ingest")
        )
        await bus.delete(message.stream, message.sequence)
        return None


def _to_key_token(key: str) -> str:
    token = to_token(key)
    return token if len(token) <= _LONGEST_TOKEN else sha256(key.encode()).hexdigest()

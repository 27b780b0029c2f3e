"""The streams and services that are asked, each for a second: whoever does not answer is named as silent."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from pydantic import BaseModel, ValidationError

from perdure.bus.envelope import decode
from perdure.bus.key_value import KeyValue
from perdure.bus.port import ReadableStreams, StoredMessage
from perdure.bus.topology import QUEUES
from perdure.contracts import Message
from perdure.contracts.runs import BROKEN_CODE
from perdure.errors import InvalidMessage, Unavailable
from perdure.explain import Cited

__all__ = ["AskedSources", "Request", "cited", "place_of_message"]

Request = Callable[[str, bytes], Awaitable[bytes]]
"""Sends a NATS request to a service, and returns the body of its reply; raises ``Unavailable``."""

_SEARCH: Final = 5  # times as long as a question: up to 50,000 events are searched by their id

Answered = TypeVar("Answered")
Reply = TypeVar("Reply", bound=BaseModel)
Kind = TypeVar("Kind", bound=Message)


class AskedSources:
    """The bus and the services; or a record, in which nobody can be asked.

    Args:
        bus: The bus, or the streams of a record.
        request: Asks a service; None for a record.
        bridge: The bucket BRIDGE, which holds why an orchestrator cannot start; None if there is none.
        within: Seconds that each may take to answer.

    Attributes:
        bus: The same.
        silent: The streams and services that did not answer in time.
        unrecorded: What else was to be asked, and is in no record: services, and streams that are no more than queues.
    """

    def __init__(
        self,
        bus: ReadableStreams,
        request: Request | None = None,
        bridge: KeyValue | None = None,
        *,
        within: float = 1.0,
    ) -> None:
        self.bus = bus
        self.silent: set[str] = set()
        self.unrecorded: set[str] = set()
        self._request = request
        self._bridge = bridge
        self._within = within

    @property
    def is_record(self) -> bool:
        """Whether a record is read, and no service is there."""
        return self._request is None

    async def ask(self, name: str, answer: Awaitable[Answered], default: Answered) -> Answered:
        """Return an answer, or the default if the source does not give it in time."""
        return await self._ask(name, answer, default, self._within)

    async def search(self, name: str, answer: Awaitable[Answered], default: Answered) -> Answered:
        """Return what a search through a stream finds, which may take five times as long."""
        return await self._ask(name, answer, default, _SEARCH * self._within)

    async def reply(self, service: str, subject: str, query: BaseModel, model: type[Reply]) -> Reply | None:
        """Return a service's reply; None if it does not answer, or not in a form that this version reads."""
        return await self.request_body(service, subject, query.model_dump_json().encode(), model)

    async def request_body(self, service: str, subject: str, query: bytes, model: type[Reply]) -> Reply | None:
        """Return a service's reply as ``reply`` does, to a query that is no model."""
        if self._request is None:
            self.unrecorded.add(service)
            return None
        body = await self.ask(service, self._request(subject, query), None)
        try:
            return None if body is None else model.model_validate_json(body)
        except ValidationError:
            self.silent.add(service)
            return None

    async def is_consumed(self, stream: str, service: str) -> bool:
        """Return whether a process of a service takes messages of a stream; False too if nobody tells."""
        if self._request is None:
            return False
        try:
            async with asyncio.timeout(self._within):
                body = await self._request(f"$JS.API.CONSUMER.INFO.{stream}.{service}", b"")
            return int(json.loads(body).get("num_waiting", 0)) > 0
        except (TimeoutError, Unavailable, ValueError):
            return False

    async def newest(self, stream: str, subject: str) -> StoredMessage | None:
        """Return the newest message of a subject."""
        if self.is_record and stream in QUEUES:
            self.unrecorded.add(stream)
        return await self.ask(stream, self.bus.last(subject), None)

    async def messages(self, stream: str, subject: str) -> list[StoredMessage]:
        """Return all messages of a subject, in order."""

        async def read() -> list[StoredMessage]:
            return [message async for message in self.bus.read(subject)]

        return await self.ask(stream, read(), [])

    async def broken_code(self) -> str:
        """Return why no orchestrator can load the author's code; empty if nothing is known to be wrong."""
        if self._bridge is None:
            return ""
        found = await self.ask("BRIDGE", self._bridge.get(BROKEN_CODE), None)
        return (found or b"").decode(errors="replace")

    async def _ask(self, name: str, answer: Awaitable[Answered], default: Answered, within: float) -> Answered:
        try:
            async with asyncio.timeout(within):
                return await answer
        except (TimeoutError, Unavailable):
            self.silent.add(name)
            return default


def cited(message: StoredMessage | None, kind: type[Kind]) -> Cited[Kind] | None:
    """Return the message that a stream holds with its place; None if it is none of this kind, or cannot be read."""
    try:
        found = None if message is None else decode(message.raw)
    except InvalidMessage:  # one of a newer version
        return None
    return Cited(found, place_of_message(message)) if message is not None and isinstance(found, kind) else None


def place_of_message(message: StoredMessage) -> str:
    """Return ``<stream>:<sequence>``."""
    return f"{message.stream}:{message.sequence}"

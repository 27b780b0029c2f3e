"""The client of Perdure for Python programs; the command line is one of them."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import JsonValue

from perdure.approvers import SigningKey, check_digest, check_seen
from perdure.bus import NatsBus
from perdure.bus import connect as connect_bus
from perdure.bus.content import content_of
from perdure.bus.views.requests import find_open_request
from perdure.bus.views.run_index import follow_progress
from perdure.bus.views.run_lookup import find_run
from perdure.client.deciding import Choice, publish_decision
from perdure.client.outcomes import EventName, result_in, wait_for_outcome
from perdure.client.published import PublishedEvent
from perdure.client.publishing import new_event, publish_event
from perdure.config.loader import load_settings
from perdure.config.settings import NatsSettings
from perdure.contracts import ApprovalRequested, Progress, Receipt
from perdure.contracts.outcomes import EventOutcome
from perdure.local.discovery import discover

__all__ = ["Client", "Role", "connect"]

Role = Literal["publisher", "bot", "operator"]
"""What NATS permits: a publisher publishes and waits, a bot decides and watches, an operator does everything."""


class Client:
    """Talks to Perdure over one NATS connection.

    Times are in seconds. Every method raises ``Unavailable`` if NATS does not answer or does not permit it.
    """

    def __init__(self, bus: NatsBus, *, source: str = "perdure/client") -> None:
        """Use a connection that is open; ``connect`` opens one.

        Args:
            bus: The connection.
            source: The CloudEvents source of published events.
        """
        self._bus = bus
        self._source = source

    async def publish(  # noqa: PLR0913 (the attributes of a CloudEvent)
        self,
        type: str,  # noqa: A002 (the CloudEvents attribute)
        data: JsonValue = None,
        *,
        id: str | None = None,  # noqa: A002 (likewise)
        source: str | None = None,
        subject: str | None = None,
        time: datetime | None = None,
    ) -> PublishedEvent:
        """Publish an event, and return it once NATS has stored it.

        Args:
            type: What happened, dotted, such as ``documents.submitted``.
            data: The event's data, any JSON value; by default an empty object.
            id: The event's id, a new random one by default. The same id is the same event: name one where a repetition
                must not start a second run.
            source: The CloudEvents source; by default that of the client.
            subject: What it happened to (the CloudEvents attribute).
            time: When it happened, with a zone; by default now.

        Raises:
            Conflict: An event with this id and other data was published shortly before; nothing was stored.
            InvalidMessage: The event is larger than NATS accepts.
            NotConfirmed: NATS did not confirm that it stored the event: publish it again with the ``id`` of the error.
            StreamFull: NATS refused the event for want of room, and stored nothing: publish it again later.
            PerdureError: The type cannot be a NATS subject, or the data is not JSON.
        """
        event = new_event(type, data, id_=id, source=source or self._source, subject=subject, time=time)
        return await publish_event(self._bus, event)

    async def wait(
        self,
        event: PublishedEvent | str,
        *,
        type: str | None = None,  # noqa: A002 (the CloudEvents attribute)
        source: str | None = None,
        within: float | None = None,
    ) -> EventOutcome:
        """Wait until an event has come to its end, and return what has become of it.

        Args:
            event: The event that was published, or an event's id.
            type: The type of an event that is named by its id.
            source: Its CloudEvents source; by default the newest event of this id and type is meant.
            within: After so many seconds, return what has become of it so far; by default wait without limit. 0 asks
                once.

        Returns:
            The outcome. Its ``state`` is ``completed``, ``failed``, ``no_run`` or ``dead_letter``; once the time is
            over it may be ``accepted`` or ``running``.

        Raises:
            NotFound: No stored event of this type has this id.
            Unavailable: No ingest service answered in time; the event itself is stored.
        """
        return await wait_for_outcome(self._bus, EventName.of(event, type, source), within=within)

    async def result(
        self,
        event: PublishedEvent | str,
        *,
        type: str | None = None,  # noqa: A002 (the CloudEvents attribute)
        source: str | None = None,
        within: float | None = None,
    ) -> JsonValue:
        """Wait for the only run of an event, and return the run's result; arguments as in ``wait``.

        Raises:
            Ambiguous: The event concerns several runs: use ``wait``.
            Pending: The run has not ended in time.
            PerdureError: The run did not complete, or the event became a dead letter; the message says why.
        """
        return result_in(await self.wait(event, type=type, source=source, within=within))

    async def request(self, request_id: str) -> ApprovalRequested:
        """Return an open approval request, so that somebody or some program can look at it before deciding it.

        Args:
            request_id: The request, or a beginning of its id that no other open request has.

        Raises:
            DigestMismatch: It shows something else than its digest is about.
            NotFound: There is no such request.
            RequestNotOpen: It is settled.
        """
        request = await find_open_request(self._bus, request_id)
        check_digest(request)
        return request

    async def decide(  # noqa: PLR0913 (what a decision says)
        self,
        request_id: str,
        choice: Choice,
        *,
        digest: str,
        key: Path | SigningKey,
        approver: str | None = None,
        comment: str = "",
        within: float = 30.0,
    ) -> Receipt:
        """Sign a decision on an open approval request, publish it, and return its receipt.

        Args:
            request_id: The request, or a beginning of its id that no other open request has.
            choice: ``approve``, ``reject``, or ``withdraw`` for a vote that was given before.
            digest: The digest of the request that was looked at, as ``request`` returns it, or its first 12 digits or
                more. A request with another digest is not decided.
            key: The private key, or its file (PKCS #8 in PEM).
            approver: Name of the approver in the approvers file; by default the name of the key's file.
            comment: Free text for the record and the run, at most 16,384 characters.
            within: How many seconds to wait for the receipt.

        Returns:
            The receipt; ``accepted`` says whether the decision counts, ``reason`` why.

        Raises:
            DigestMismatch: The request has another digest, or shows something else than its digest is about.
            NotFound: There is no such request.
            RequestNotOpen: It is settled.
            Pending: No receipt came in time. The decision is stored and will be judged: do not repeat it.
            SetupError: The key cannot be read.
        """
        signing = SigningKey.read(key) if isinstance(key, Path) else key
        name = approver or (key.stem if isinstance(key, Path) else None)
        request = await self.request(request_id)
        check_seen(request, digest)
        return await publish_decision(
            self._bus, request, choice, approver=name, key=signing, comment=comment, within=within
        )

    async def find_run(self, text: str) -> str:
        """Return the id of a run by its id, a unique beginning of it, its event's id, or a request's id.

        Raises:
            NotFound: Nothing has this id.
            Ambiguous: Several runs have it.
            Pending: It is an event whose run has not begun.
            PerdureError: It is an event that became a dead letter.
        """
        return await find_run(self._bus, text)

    def watch(self, workflow_id: str) -> AsyncIterator[Progress]:
        """Yield the facts of a run from its first on, as they are published, until it ends."""
        return follow_progress(self._bus, workflow_id, replay=True)


@asynccontextmanager
async def connect(
    servers: str | Sequence[str] = (),
    *,
    role: Role = "operator",
    nkey_seed_file: Path | None = None,
    source: str = "perdure/client",
    within: float = 5.0,
) -> AsyncIterator[Client]:
    """Open a client for the duration of the block.

    Args:
        servers: URLs of NATS servers. By default those of this folder: of its running suite, or of its configuration.
        role: The role whose credentials are used; see ``Role``.
        nkey_seed_file: The seed of the role's nkey, with ``servers``; without it the connection has no credentials.
        source: The CloudEvents source of published events.
        within: Seconds to wait for the first connection.

    Raises:
        SetupError: The configuration or the credentials cannot be read.
        Unavailable: No server accepted the connection in time.
    """
    named = (servers,) if isinstance(servers, str) else tuple(servers)
    if named:
        nats, content = NatsSettings(servers=named, nkey_seed_file=nkey_seed_file), None
    else:
        settings = load_settings()
        nats, content = discover(settings, role=role)[0], content_of(settings)
    async with connect_bus(nats, source=source, role=role, within=within, content=content) as bus:
        yield Client(bus, source=source)

"""The checkpoints that the audit service published, as the bus has them."""

from collections.abc import AsyncIterator

from perdure.bus import Bus, StoredMessage, decode
from perdure.contracts import CheckpointSigned
from perdure.errors import InvalidMessage
from perdure.record.export import PublishedNote

__all__ = ["newest_published", "published_notes"]


async def published_notes(bus: Bus, ledger: str, after: int = 0) -> list[PublishedNote]:
    """Return the checkpoints of a ledger with a higher sequence than ``after``, oldest first.

    Raises:
        Unavailable: The bus does not answer.
    """
    newest = await bus.last(_subject(ledger))
    if newest is None or newest.sequence <= after:
        return []
    found = bus.read_range(_subject(ledger), first=after + 1, last=newest.sequence)
    return [note async for note in _notes(found)]


async def newest_published(bus: Bus, ledger: str) -> PublishedNote | None:
    """Return the newest checkpoint of a ledger; None if there is none.

    Raises:
        Unavailable: The bus does not answer.
    """
    newest = await bus.last(_subject(ledger))
    return None if newest is None else _note(newest)


async def _notes(messages: AsyncIterator[StoredMessage]) -> AsyncIterator[PublishedNote]:
    async for message in messages:
        note = _note(message)
        if note is not None:
            yield note


def _note(stored: StoredMessage) -> PublishedNote | None:
    """Return the checkpoint in a message; None if it is another one, which whoever may publish there has sent."""
    try:
        message = decode(stored.raw)
    except InvalidMessage:
        return None
    if not isinstance(message, CheckpointSigned):
        return None
    return PublishedNote(stored.sequence, stored.stored_at, message.note)


def _subject(ledger: str) -> str:
    return CheckpointSigned(ledger=ledger, size=0, root="0" * 64, note="").subject

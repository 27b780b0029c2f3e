"""Which notices of a channel are to be sent next: most urgent first, within quiet hours and digests."""

from datetime import datetime
from typing import Final

from perdure.bus import StoredMessage
from perdure.config.channels import ChannelSettings
from perdure.contracts import Severity
from perdure_notifier.deferrals import Deferral, Deferrals
from perdure_notifier.notice import BY_URGENCY
from perdure_notifier.outbox import Outbox

__all__ = ["DueNotices"]

_DIGEST_LIMIT: Final = 20  # notices


class DueNotices:
    """Chooses among the notices in the outbox of one channel.

    Args:
        name: The channel's name.
        settings: Its quiet hours and its digest.
        outbox: Where the notices wait.
        deferrals: The notices that a dead target has not got; the others do not wait for them.
    """

    def __init__(self, name: str, settings: ChannelSettings, outbox: Outbox, deferrals: Deferrals) -> None:
        self._name = name
        self._settings = settings
        self._outbox = outbox
        self._deferrals = deferrals

    async def next(self, now: datetime) -> list[StoredMessage] | datetime | None:
        """Return the notices to send now, or when the next ones are due, or None if the outbox is empty.

        Raises:
            Unavailable: NATS does not answer.
        """
        heads = {it: head for it in BY_URGENCY if (head := await self._head(it)) is not None}
        deferral = self._deferrals.first()
        if "critical" in heads:
            return [heads["critical"]]
        if not heads and deferral is None:
            return None
        if self._settings.quiet is not None and (end := self._settings.quiet.next_closing(now)) > now:
            return end
        if deferral is not None and deferral.due <= now:
            return await self._deferred(deferral)
        due = self._due(list(heads.values()), now)
        if due is not None and due <= now:
            return [next(iter(heads.values()))] if self._settings.digest is None else await self._digest()
        dues = [due, None if deferral is None else deferral.due]
        return min(it for it in dues if it is not None)

    def _due(self, heads: list[StoredMessage], now: datetime) -> datetime | None:
        if not heads or self._settings.digest is None:
            return now if heads else None
        return min(head.stored_at for head in heads) + self._settings.digest

    async def _head(self, severity: Severity) -> StoredMessage | None:
        """Return the oldest notice of a severity that is not deferred."""
        async for message in self._outbox.all(self._name, severity):
            if message.sequence not in self._deferrals:
                return message
        return None

    async def _deferred(self, deferral: Deferral) -> list[StoredMessage]:
        """Return the notices of a deferral; fewer if another process has settled some, which ends the deferral."""
        found = [await self._outbox.get(sequence) for sequence in deferral.sequences]
        messages = [message for message in found if message is not None]
        if len(messages) < len(found):
            self._deferrals.forget(deferral.sequences)
        return messages

    async def _digest(self) -> list[StoredMessage]:
        found: list[StoredMessage] = []
        for severity in BY_URGENCY:
            async for message in self._outbox.all(self._name, severity):
                if message.sequence in self._deferrals:
                    continue
                found.append(message)
                if len(found) == _DIGEST_LIMIT:
                    return found
        return found

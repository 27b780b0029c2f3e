"""The notifier's bus application: routes approval messages and alerts to the outboxes of channels."""

from collections.abc import Callable, Coroutine, Sequence
from datetime import UTC, datetime
from typing import Final

from perdure.approvers import DigestMismatch, check_digest
from perdure.bus import Bus, KeyValue, StoredMessage, decode
from perdure.bus.app import App, Subscription
from perdure.bus.views.approval_index import escalated_to, request_of
from perdure.config.notifier import NotificationSettings
from perdure.contracts import AboutRequest, Alert, ApprovalRequested
from perdure.errors import InvalidMessage
from perdure.runtime.poller import Poller
from perdure.values.utc import utc_now
from perdure_notifier.channels import Channel
from perdure_notifier.lease import channel_leases
from perdure_notifier.notice import Notice
from perdure_notifier.orphans import OrphanedNotices
from perdure_notifier.outbox import Outbox
from perdure_notifier.routing import channels_for
from perdure_notifier.sender import ChannelSender

__all__ = ["Notifier"]

_CHECK_ORPHANS_EVERY: Final = (
    3_600.0  # seconds: a process with an older configuration must not dead-letter notices for channels added since
)


class Notifier:
    """The notifier service: one subscriber, and one sender for each channel."""

    def __init__(  # noqa: PLR0913 (its ports)
        self,
        bus: Bus,
        entries: KeyValue,
        channels: Sequence[Channel],
        settings: NotificationSettings,
        *,
        holder: str,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._bus = bus
        self._now = now
        self._outbox = Outbox(bus, entries)
        self._settings = settings
        self._leases = channel_leases(entries, holder)
        self._pollers = {channel.name: Poller(self._sender(channel).send_due) for channel in channels}

    def app(self) -> App:
        """Return the subscriptions. A message that is delivered twice is put into each outbox once."""
        return App("notifier", [Subscription("APPROVALS", self.handle), Subscription("ALERTS", self.handle)])

    def duties(self) -> list[Coroutine[None, None, None]]:
        """Return the coroutines to run for as long as the process lives."""
        orphans = OrphanedNotices(self._bus, self._outbox, self._pollers)
        return [
            Poller(orphans.dead_letter, every=_CHECK_ORPHANS_EVERY).run(),
            *(poller.run() for poller in self._pollers.values()),
        ]

    async def handle(self, message: StoredMessage) -> None:
        """Put a notice about a message into the outbox of each channel that shall send it.

        Raises:
            InvalidMessage: The message is neither about an approval request nor an alert, or the request shows
                something else than its digest is about.
            Unavailable: NATS does not answer.
        """
        content = decode(message.raw)
        if not isinstance(content, AboutRequest | Alert):
            raise InvalidMessage("bad_message", f"The notifier does not send notices about {content.type} messages.")
        notice = await self._notice(content)
        _refuse_other_digest(notice)
        for name in await self._channels_for(notice):
            await self._outbox.put_once(name, notice)
            self._pollers[name].wake()

    async def _notice(self, content: AboutRequest | Alert) -> Notice:
        if isinstance(content, ApprovalRequested | Alert):
            return Notice.model_validate({"message": content})
        about, escalations = await request_of(self._bus, content), await escalated_to(self._bus, content)
        return Notice.model_validate({"message": content, "about": about, "escalations": escalations})

    async def _channels_for(self, notice: Notice) -> list[str]:
        """Return the channels of the rules, and for an outcome all that show the request: it is out of date there."""
        channels = [*channels_for(notice, self._settings, datetime.now(UTC))]
        if notice.is_outcome and notice.request is not None:
            others = [name for name in self._pollers if name not in channels]
            channels += [it for it in others if await self._outbox.was_given(it, notice.request.message_id)]
        return channels

    def _sender(self, channel: Channel) -> ChannelSender:
        channels = self._settings.effective_channels
        fallback = self._settings.fallback or tuple(channels)
        settings = channels[channel.name]
        return ChannelSender(
            channel,
            settings,
            bus=self._bus,
            outbox=self._outbox,
            leases=self._leases,
            fallback=fallback,
            clock=self._now,
        )


def _refuse_other_digest(notice: Notice) -> None:
    """Refuse to show a request to people who would then decide something else."""
    if notice.request is not None:
        try:
            check_digest(notice.request)
        except DigestMismatch as error:
            raise InvalidMessage("bad_message", str(error)) from error

"""Approvals and alerts in, notices out: who hears what is decided here, and waits in the outbox of each channel."""

from collections.abc import Coroutine, Sequence
from datetime import UTC, datetime
from typing import Final

from perdure.bus import Bus, KeyValue, StoredMessage, decode
from perdure.bus.app import App, Subscription
from perdure.bus.views.approval_index import request_of
from perdure.config.notifier import NotificationSettings
from perdure.contracts import AboutRequest, Alert, ApprovalRequested
from perdure.errors import InvalidMessage
from perdure.runtime.poller import Poller
from perdure_notifier.channels import Channel
from perdure_notifier.lease import Leases
from perdure_notifier.notice import Notice
from perdure_notifier.orphans import OrphanedNotices
from perdure_notifier.outbox import Outbox
from perdure_notifier.routing import channels_for
from perdure_notifier.sender import ChannelSender

__all__ = ["Notifier"]

_LOOK_FOR_LEFT_EVERY: Final = (
    3_600.0  # seconds: a process with an older configuration must not bury what a newer one's channels shall tell
)


class Notifier:
    """The service: it hears, and each channel has a lane of its own."""

    def __init__(
        self, bus: Bus, entries: KeyValue, channels: Sequence[Channel], settings: NotificationSettings, *, holder: str
    ) -> None:
        self._bus = bus
        self._outbox = Outbox(bus)
        self._settings = settings
        turns, fallback = Leases(entries, holder), settings.fallback or tuple(settings.ways)
        self._lanes = {
            channel.name: Poller(
                ChannelSender(channel, settings.ways[channel.name], bus=bus, turns=turns, fallback=fallback).look
            )
            for channel in channels
        }

    def app(self) -> App:
        """Say what is heard; what is heard twice waits once."""
        return App("notifier", [Subscription("APPROVALS", self.handle), Subscription("ALERTS", self.handle)])

    def duties(self) -> list[Coroutine[None, None, None]]:
        """Return what is to be done for as long as the process lives."""
        leftovers = OrphanedNotices(self._bus, self._outbox, self._lanes)
        return [
            Poller(leftovers.dead_letter, every=_LOOK_FOR_LEFT_EVERY).run(),
            *(lane.run() for lane in self._lanes.values()),
        ]

    async def handle(self, heard: StoredMessage) -> None:
        """Let what happened wait for each channel that shall tell it."""
        message = decode(heard.raw)
        if not isinstance(message, AboutRequest | Alert):
            raise InvalidMessage("bad_message", f"{message.type} is nothing that people are told")
        about = None if isinstance(message, ApprovalRequested | Alert) else await request_of(self._bus, message)
        notice = Notice.model_validate({"message": message, "about": about})
        for name in channels_for(notice, self._settings, datetime.now(UTC)):
            await self._outbox.put(name, notice)
            self._lanes[name].wake()

"""Approvals in, notifications out; nothing connects until it is heard."""

from collections.abc import Sequence
from datetime import UTC, datetime

from perdure.bus import Bus, Heard, decode
from perdure.bus.app import App, Hears
from perdure.contracts import Message, Notification
from perdure.errors import Unavailable
from perdure_notifier.channels import Channel, Refused
from perdure_notifier.render import Notice, render

__all__ = ["create_app"]


def create_app(bus: Bus, channels: Sequence[Channel]) -> App:
    """Build the service."""
    # Confirmed: heard again, people would be told again.
    return App("notifier", [Hears("APPROVALS", _Notifier(bus, channels).notify, confirmed=True)])


class _Notifier:
    def __init__(self, bus: Bus, channels: Sequence[Channel]) -> None:
        self._bus = bus
        self._channels = channels
        self._done: dict[str, set[str]] = {}  # channels that are done with a message while another one is not

    async def notify(self, heard: Heard) -> None:
        """Tell people on every channel; one that does not answer holds up no other and is tried again alone."""
        message = decode(heard.wire)
        notice = render(message)
        if notice is None:
            return
        done = self._done.setdefault(message.message_id, set())
        unanswered: Unavailable | None = None
        for channel in self._channels:
            if channel.name in done:
                continue
            try:
                await self._bus.say(await _tell(channel, notice, message))
            except Unavailable as error:
                unanswered = error
            else:
                done.add(channel.name)
        if unanswered is not None:
            raise unanswered
        del self._done[message.message_id]


async def _tell(channel: Channel, notice: Notice, about: Message) -> Notification:
    try:
        sent, detail = True, await channel.tell(notice, about)
    except Refused as error:
        sent, detail = False, str(error)
    return Notification(
        channel=channel.name,
        about=about.message_id,
        workflow_id=about.address[-1],
        outcome="sent" if sent else "failed",
        detail=detail,
        sent_at=datetime.now(UTC),
    )

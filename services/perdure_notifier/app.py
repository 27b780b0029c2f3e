"""Approvals in, notifications out; nothing connects until it is heard."""

from collections.abc import Sequence
from datetime import UTC, datetime

from perdure.bus import Bus, Heard, decode
from perdure.bus.app import App, Hears
from perdure.contracts import Message, Notification
from perdure_notifier.channels import Channel
from perdure_notifier.render import Notice, render

__all__ = ["create_app"]


def create_app(bus: Bus, channels: Sequence[Channel]) -> App:
    """Build the service."""

    async def notify(heard: Heard) -> None:
        message = decode(heard.wire)
        notice = render(message)
        if notice is not None:
            for channel in channels:
                await bus.say(await _tell(channel, notice, message))

    return App("notifier", [Hears("APPROVALS", notify)])


async def _tell(channel: Channel, notice: Notice, about: Message) -> Notification:
    answer = await channel.tell(notice, about)
    return Notification(
        channel=channel.name,
        about=about.message_id,
        workflow_id=about.address[-1],
        outcome="sent",
        detail=answer,
        sent_at=datetime.now(UTC),
    )

"""A notifier on an in-memory bus with a channel of one kind, whose screen a test looks at."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from perdure.bus import MemoryBus, MemoryKeyValue
from perdure.config.settings import Settings
from perdure.contracts import Message, Notification
from perdure_notifier.app import Notifier
from perdure_notifier.channels import Refused
from perdure_notifier.channels.registry import open_channels
from tests.support.app_delivery import deliver_all
from tests.support.channel_screens import Screen, opened, people
from tests.support.notifier import Clock, sender

__all__ = ["Desk", "Refusing", "desk"]


class Desk:
    """A notifier with a channel of one kind, and the other channels that a test names."""

    def __init__(self, screen: Screen, channels: Sequence[Any], settings: Settings) -> None:
        self.screen, self.bus, self.entries, self.clock = screen, MemoryBus(), MemoryKeyValue(), Clock()
        self._notifier = Notifier(self.bus, self.entries, channels, settings.notifier, holder="here")
        given = {name: it.model_dump(exclude_none=True) for name, it in settings.notifier.channels.items()}
        options = {name: {k: v for k, v in it.items() if k in {"digest", "rate"}} for name, it in given.items()}
        self._senders = {
            it.name: sender(
                self.bus,
                it,
                clock=self.clock,
                entries=self.entries,
                fallback=settings.notifier.fallback,
                **options[it.name],
            )
            for it in channels
        }

    async def notify(self, *messages: Message) -> None:
        """Publish messages, and let every channel send what is due."""
        for message in messages:
            await self.bus.publish(message)
        assert set(await deliver_all(self._notifier.app(), self.bus)) == {"ack"}
        await self.send()

    async def send(self) -> None:
        """Let every channel send what is due, twice: what one gives up is sent by another."""
        for _ in range(2):
            for it in self._senders.values():
                await it.send_due()

    def sent(self, channel: str) -> list[str]:
        """Return the ids of what was sent on a channel."""
        notes = [it for it in self.bus.published if isinstance(it, Notification) and it.channel == channel]
        return [it.about for it in notes if it.outcome == "sent"]


@asynccontextmanager
async def desk(
    kind: str,
    folder: Path,
    *,
    others: Sequence[Any] = (),
    dead: bool = False,
    options: dict[str, Any] | None = None,
    **notifier: Any,
) -> AsyncIterator[Desk]:
    """Open a notifier whose channel ``under_test`` is of one kind."""
    with opened(kind) as screen:
        if dead:
            screen.kill_one()
        channels = {"under_test": {kind: screen.section, **(options or {})}}
        settings = Settings.model_validate({"notifier": {"channels": channels}})
        entries = MemoryKeyValue()
        opening = open_channels(settings, entries=entries, approvers=people(folder), key=None)
        async with opening as opened_channels:
            more: dict[str, Any] = {it.name: {"terminal": {}} for it in others}
            settings = Settings.model_validate({"notifier": {"channels": channels | more, **notifier}})
            yield Desk(screen, [*opened_channels, *others], settings)


class Refusing:
    """A channel that refuses everything until it works."""

    name = "first"

    def __init__(self) -> None:
        self.works = False

    async def send(self, notices: Sequence[Any]) -> str:
        if not self.works:
            raise Refused("HTTP 404")
        return f"{len(notices)} sent"

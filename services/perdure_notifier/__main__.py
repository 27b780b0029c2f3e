"""Runs the notifier service: ``python -m perdure_notifier``."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from perdure.approvers import ApproversFile, SigningKey
from perdure.bus.app import App
from perdure.bus.jetstream.bus import NatsBus
from perdure.bus.jetstream.key_value import NatsKeyValue
from perdure.config.settings import Settings
from perdure.errors import SetupError
from perdure.runtime.background import background
from perdure.runtime.endpoints import Health
from perdure.runtime.holder import lease_holder
from perdure.runtime.server_clock import ServerClock
from perdure.runtime.service import run
from perdure_notifier.app import Notifier
from perdure_notifier.channels.registry import open_channels
from perdure_notifier.gauges import WaitingGauges
from perdure_notifier.lease import channel_leases
from perdure_notifier.replies.http import reply_app


@asynccontextmanager
async def _open(settings: Settings, bus: NatsBus, health: Health) -> AsyncIterator[App]:
    entries, approvers = NatsKeyValue(bus.js, "NOTICES"), ApproversFile(settings.approvers_file)
    key = _key(settings) if settings.notifier.accepts_decisions else None
    async with AsyncExitStack() as stack:
        if key is not None:
            replies = reply_app(settings, bus=bus, entries=entries, approvers=approvers, key=key)
            health.front = await stack.enter_async_context(replies)
        clock = ServerClock(bus)
        await clock.ask()
        channels = open_channels(settings, entries=entries, approvers=approvers, key=key)
        notifier = Notifier(
            bus,
            entries,
            await stack.enter_async_context(channels),
            settings.notifier,
            holder=lease_holder(settings.notifier),
            now=clock.now,
        )
        leases = channel_leases(entries, lease_holder(settings.notifier))
        waiting = WaitingGauges(bus, [*settings.notifier.effective_channels], leases, clock.now)
        health.sources |= {"approvals": waiting.approvals, "notices": waiting.notices}
        await stack.enter_async_context(background(clock.run(), *notifier.duties()))
        yield notifier.app()


def _key(settings: Settings) -> SigningKey:
    if not settings.notifier_key.exists():
        raise SetupError(
            f"Channels accept decisions, but the notifier's signing key {settings.notifier_key} does not exist. "
            f"Create it: `perdure approvers add notifier --proxy --folder {settings.notifier_key.parent}`."
        )
    return SigningKey.read(settings.notifier_key)


if __name__ == "__main__":
    run("notifier", _open)

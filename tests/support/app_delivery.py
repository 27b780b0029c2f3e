"""Delivers what is stored on an in-memory bus to an app."""

from perdure.bus import MemoryBus
from perdure.bus.app import App
from perdure.bus.settlement import settle
from tests.support.deliveries import Delivered

__all__ = ["deliver_all"]


async def deliver_all(app: App, bus: MemoryBus) -> list[str]:
    """Deliver every message of the app's streams once, and return how each was settled."""
    settlements: list[str] = []
    for subscription in app.subscriptions:
        async for message in bus.read(f"{subscription.stream.lower()}.>"):
            delivery = Delivered(message=message)
            await settle(delivery, subscription.handle, bus=bus, service=app.service)
            settlements += delivery.settled
    return settlements

"""A bus that blocks at a gate until a test opens it."""

import asyncio

from temporalio import activity

from perdure.bus import MemoryBus
from perdure.contracts import Message, Progress


class Gate:
    """Blocks all that wait at it until it is opened."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.opened = asyncio.Event()

    async def wait(self) -> None:
        self.reached.set()
        await self.opened.wait()

    @activity.defn(name="hold")
    async def hold(self) -> None:
        await self.wait()


class GatedBus(MemoryBus):
    """A bus that blocks at a gate: when it publishes progress of one kind or messages of one type.

    Without a kind it blocks when a run waits for decisions.
    """

    def __init__(self, gate: Gate, *, kind: str | None = None) -> None:
        super().__init__()
        self._gate, self._kind = gate, kind

    async def publish(self, message: Message) -> int:
        if self._kind == (message.kind if isinstance(message, Progress) else message.type):
            await self._gate.wait()
        return await super().publish(message)

    async def wait_until_consumed(self, service: str, stream: str) -> None:
        if self._kind is None:
            await self._gate.wait()
        await super().wait_until_consumed(service, stream)

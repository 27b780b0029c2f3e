"""Commands on a bus in memory, as if a suite ran in this folder."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module

import pytest

from perdure.bus import MemoryBus
from perdure.contracts import Message

__all__ = ["use_bus"]


def use_bus(monkeypatch: pytest.MonkeyPatch, bus: MemoryBus, *commands: str, holding: tuple[Message, ...] = ()) -> None:
    """Let commands open this bus.

    Args:
        monkeypatch: Undoes it.
        bus: The bus.
        commands: Their modules, below ``perdure.cli``.
        holding: What is published each time that a command opens the bus.
    """

    @asynccontextmanager
    async def open_bus() -> AsyncIterator[MemoryBus]:
        for message in holding:
            await bus.publish(message)
        yield bus

    monkeypatch.setattr("perdure.cli.command_group.refuse_absent_suite", lambda: None)
    for command in commands:
        monkeypatch.setattr(import_module(f"perdure.cli.{command}"), "open_bus", open_bus)

"""Small shell programs that touch a file when they are ready, and a recorder of the supervisor's events."""

import asyncio
from pathlib import Path

from perdure.local.program import Program
from perdure.local.program_event import ProgramEvent


class EventRecorder:
    """Records the events that the supervisor reports.

    Attributes:
        events: In the order in which they were reported.
    """

    def __init__(self) -> None:
        self.events: list[ProgramEvent] = []
        self._new = asyncio.Event()

    def report(self, event: ProgramEvent) -> None:
        self.events.append(event)
        self._new.set()

    async def nth(self, kind: type[ProgramEvent], number: int) -> ProgramEvent:
        """Wait for the event with this number among those of a kind, counted from 1, and return it."""
        async with asyncio.timeout(20):
            while len(found := [event for event in self.events if isinstance(event, kind)]) < number:
                self._new.clear()
                await self._new.wait()
        return found[number - 1]


def program(folder: Path, name: str, script: str) -> Program:
    async def ready() -> bool:
        return (folder / name).exists()

    return Program(name, ["/bin/sh", "-c", f"cd {folder}; {script}"], where=f"{folder}/{name}", ready=ready)


def steady(folder: Path, name: str) -> Program:
    """Return a program that runs until SIGTERM and then appends its name to the file ``ended``."""
    return program(folder, name, f"trap 'echo {name} >> ended; exit' TERM; touch {name}; sleep 1000 & wait")

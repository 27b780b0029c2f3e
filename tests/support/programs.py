"""Small real programs, shells that touch a file when they are ready, and an ear for what happens to them."""

import asyncio
from pathlib import Path

from perdure.local.program import Program
from perdure.local.supervisor import Happening


class Happenings:
    """What the supervisor told, and a way to wait for the next of a kind."""

    def __init__(self) -> None:
        self.told: list[Happening] = []
        self._new = asyncio.Event()

    def tell(self, happening: Happening) -> None:
        self.told.append(happening)
        self._new.set()

    async def nth(self, kind: type[Happening], number: int) -> Happening:
        """Wait until so many of a kind were told, and return the last of them."""
        async with asyncio.timeout(20):
            while len(found := [one for one in self.told if isinstance(one, kind)]) < number:
                self._new.clear()
                await self._new.wait()
        return found[number - 1]


def program(folder: Path, name: str, script: str) -> Program:
    async def ready() -> bool:
        return (folder / name).exists()

    return Program(name, ["/bin/sh", "-c", f"cd {folder}; {script}"], where=f"{folder}/{name}", ready=ready)


def steady(folder: Path, name: str) -> Program:
    """Runs until it is asked to end, and then leaves its name."""
    return program(folder, name, f"trap 'echo {name} >> ended; exit' TERM; touch {name}; sleep 1000 & wait")

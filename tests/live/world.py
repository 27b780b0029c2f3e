"""What a live test sees of a suite, and how it waits for facts."""

import asyncio
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import psutil

from perdure.bus import NatsBus, Wire, decode
from perdure.contracts import DeadLetter, Progress
from perdure.local.suite import Suite
from perdure.settings import Settings


@dataclass
class World:
    settings: Settings
    suite: Suite
    bus: NatsBus
    log: Path

    async def publish(self, type_: str, body: bytes, **headers: str) -> None:
        await self.bus.publish(
            Wire(f"events.{type_}", body, {name.replace("_", "-"): v for name, v in headers.items()})
        )

    async def completed(self, count: int, *, within: float = 90) -> dict[str, list[Progress]]:
        """Wait until so many runs have completed, and none has failed; returns all facts by run."""
        return await self.ended(count, within=within, refused={"failed", "cancelled"})

    async def ended(
        self, count: int, *, within: float = 90, refused: Collection[str] = ()
    ) -> dict[str, list[Progress]]:
        """Wait until so many runs have ended, none of them like this; returns all facts by run."""
        done: set[str] = set()
        async with asyncio.timeout(within):
            async for heard in self.bus.listen("progress.>", replay=True):
                fact = decode(heard.wire)
                assert isinstance(fact, Progress)
                assert fact.kind not in refused, fact
                if fact.kind in {"completed", "failed", "cancelled"}:
                    done.add(fact.workflow_id)
                if len(done) == count:
                    break
        return await self.facts()

    async def facts(self) -> dict[str, list[Progress]]:
        facts = defaultdict[str, list[Progress]](list)
        async for heard in self.bus.recall("progress.>"):
            fact = decode(heard.wire)
            assert isinstance(fact, Progress)
            facts[fact.workflow_id].append(fact)
        return facts

    async def dead_letters(self, count: int, *, within: float = 20) -> list[DeadLetter]:
        """Wait for so many dead letters, and return all there are."""
        async with asyncio.timeout(within):
            async for heard in self.bus.listen("dlq.>", replay=True):
                if heard.sequence >= count:
                    break
        letters = [decode(heard.wire) async for heard in self.bus.recall("dlq.>")]
        assert all(isinstance(letter, DeadLetter) for letter in letters)
        return [letter for letter in letters if isinstance(letter, DeadLetter)]

    def executions(self) -> dict[str, list[int]]:
        """The steps of each run in the order in which they were executed."""
        executed = defaultdict[str, list[int]](list)
        for line in self.log.read_text().splitlines():
            run, step = line.rsplit(" ", 1)
            executed[run].append(int(step))
        return executed


def gaps(facts: list[Progress]) -> set[int]:
    numbers = {fact.sequence for fact in facts}
    return set(range(1, max(numbers) + 1)) - numbers


def left_behind(folder: Path) -> list[str]:
    """Name the processes that still have to do with a folder."""
    found = []
    for process in psutil.process_iter(["cmdline", "environ"]):
        command = " ".join(process.info["cmdline"] or [])
        if str(folder) in command or str(folder) in str((process.info["environ"] or {}).get("PERDURE_STATE")):
            found.append(command)
    return found

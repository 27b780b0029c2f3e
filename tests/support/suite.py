"""A running suite for live tests, with methods that wait for facts."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import psutil
import pytest
import pytest_asyncio
import yaml

from perdure.bus import NatsBus, RawMessage, connect, decode
from perdure.config.loader import load_settings
from perdure.config.settings import Settings
from perdure.config.yaml_file import CONFIG_VARIABLE
from perdure.contracts import ENDINGS, DeadLetter, Progress
from perdure.local.discovery import discover
from perdure.local.program_event import ProgramEvent
from perdure.local.suite import Suite, open_suite
from perdure.values.rollout import RolloutEvent, RolloutRequest
from tests.support.ports import give_ports

WORKSHOP = Path(__file__).with_name("workshop.py")


@dataclass
class World:
    """A suite of servers and services, with a bus connection.

    Attributes:
        log: The file to which the steps of ``workshop.py`` append their executions.
    """

    settings: Settings
    suite: Suite
    bus: NatsBus
    log: Path

    @property
    def folder(self) -> Path:
        """The user's folder."""
        return self.log.parent

    async def deploy(
        self,
        code: str,
        *,
        module: str = WORKSHOP.name,
        note: Callable[[RolloutEvent], None] = lambda _: None,
        **options: Any,
    ) -> list[RolloutEvent]:
        """Replace the workflows of the suite by this code, roll it out, and return what happened."""
        (self.folder / module).write_text(code)
        return await self.roll_out(RolloutRequest(**options), note)

    async def roll_out(
        self, request: RolloutRequest, note: Callable[[RolloutEvent], None] = lambda _: None
    ) -> list[RolloutEvent]:
        """Roll out what lies in the folder, or a version that is kept, and return what happened."""
        events: list[RolloutEvent] = []

        def noted(event: RolloutEvent) -> None:
            events.append(event)
            note(event)

        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(CONFIG_VARIABLE, str(self.folder / "perdure.yaml"))
            patch.setenv("PYTHONPATH", str(self.folder))
            await self.suite.rollouts.roll_out(request, noted)
        return events

    async def publish(self, type_: str, body: bytes, **headers: str) -> None:
        await self.bus.publish_raw(
            RawMessage(f"events.{type_}", body, {name.replace("_", "-"): v for name, v in headers.items()})
        )

    async def completed(self, count: int, *, within: float = 90) -> dict[str, list[Progress]]:
        """Wait until so many runs have completed and none has failed; returns all facts by run."""
        return await self.ended(count, within=within, refused={"failed", "cancelled"})

    async def ended(
        self, count: int, *, within: float = 90, refused: Collection[str] = ()
    ) -> dict[str, list[Progress]]:
        """Wait until so many runs have ended, none in a refused way; returns all facts by run."""
        done: set[str] = set()
        async with asyncio.timeout(within):
            async for message in self.bus.subscribe("progress.>", replay=True):
                fact = decode(message.raw)
                assert isinstance(fact, Progress)
                assert fact.kind not in refused, fact
                if fact.kind in {"completed", "failed", "cancelled"}:
                    done.add(fact.workflow_id)
                if len(done) == count:
                    break
        return await self.facts()

    async def stories(self, *runs: str, within: float = 60) -> dict[str, list[Progress]]:
        """Wait until each of these runs has published its end; returns all facts of each."""
        async with asyncio.timeout(within):
            while True:
                facts = await self.facts()
                if all(facts[run] and facts[run][-1].kind in ENDINGS for run in runs):
                    return {run: facts[run] for run in runs}
                await asyncio.sleep(0.2)

    async def ended_again(self, run: str, kind: str, within: float = 60) -> dict[str, list[Progress]]:
        """Wait until the newest fact of a run is an ending of this kind; returns all facts by run."""
        async with asyncio.timeout(within):
            while True:
                facts = await self.facts()
                if facts[run] and facts[run][-1].kind == kind:
                    return facts
                await asyncio.sleep(0.2)

    async def facts(self) -> dict[str, list[Progress]]:
        facts = defaultdict[str, list[Progress]](list)
        async for message in self.bus.read("progress.>"):
            fact = decode(message.raw)
            assert isinstance(fact, Progress)
            facts[fact.workflow_id].append(fact)
        return facts

    async def dead_letters(self, count: int, *, after: int = 0, within: float = 20) -> list[DeadLetter]:
        """Wait for so many dead letters after a sequence in their stream, and return all after it."""
        async with asyncio.timeout(within):
            async for message in self.bus.subscribe("dlq.>", replay=True):
                if message.sequence >= after + count:
                    break
        found = [(message.sequence, decode(message.raw)) async for message in self.bus.read("dlq.>")]
        dead_letters = [dead_letter for sequence, dead_letter in found if sequence > after]
        assert all(isinstance(it, DeadLetter) for it in dead_letters)
        return [it for it in dead_letters if isinstance(it, DeadLetter)]

    async def last(self, stream: str) -> int:
        """Return the sequence of the last message of a stream."""
        return int((await self.bus.js.stream_info(stream)).state.last_seq)

    def executions(self) -> dict[str, list[int]]:
        """Return the steps of each run in order of execution."""
        executed = defaultdict[str, list[int]](list)
        for line in self.log.read_text().splitlines():
            run, step = line.rsplit(" ", 1)
            executed[run].append(int(step))
        return executed


@asynccontextmanager
async def open_world(
    folder: Path,
    replicas: dict[str, int] | None = None,
    report: Callable[[ProgramEvent], None] = lambda _: None,
    report_rollout: Callable[[RolloutEvent], None] = lambda _: None,
    modules: Mapping[str, str] = MappingProxyType({}),
    **configuration: Any,
) -> AsyncIterator[World]:
    """Run a whole suite in this folder, with ``workshop.py`` and these modules, by file name, as a user's."""
    for name, text in {WORKSHOP.name: WORKSHOP.read_text(), **modules}.items():
        (folder / name).write_text(text)
    config = {
        "workflows": ["workshop"],
        "routes": [
            {"on": "work.chained", "start": "Chain"},
            {"on": "work.quick", "start": "Quick"},
            {"on": "work.patient", "start": "Patient"},
        ],
        "temporal": {"task_timeout_seconds": 3},
        **configuration,
    }
    file = folder / "perdure.yaml"
    file.write_text(yaml.safe_dump(config))
    log = folder / "executions.log"
    environment = {"PYTHONPATH": str(folder), "WORKSHOP_LOG": str(log)}
    async with AsyncExitStack() as stack:
        with pytest.MonkeyPatch.context() as patch:  # not for longer: other tests run while a suite of a session is up
            patch.setenv(CONFIG_VARIABLE, str(file))
            settings = load_settings(state=folder / "state")
            give_ports(settings.state)
            opening = open_suite(
                settings, report=report, report_rollout=report_rollout, environment=environment, replicas=replicas
            )
            suite = await stack.enter_async_context(opening)
        connecting = connect(discover(settings)[0], source="perdure/test", within=5)
        yield World(settings, suite, await stack.enter_async_context(connecting), log)


def shared_world(**configuration: Any) -> Any:
    """Return a fixture that runs one suite for all tests of a module."""

    @pytest_asyncio.fixture(scope="module", loop_scope="module")
    async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
        async with open_world(tmp_path_factory.mktemp("shared"), **configuration) as world:
            yield world

    return shared


def gaps(facts: list[Progress]) -> set[int]:
    """Return the sequence numbers that are missing between the first and the last fact."""
    numbers = {fact.sequence for fact in facts}
    return set(range(1, max(numbers) + 1)) - numbers


def left_behind(folder: Path) -> list[str]:
    """Return the command lines of processes that still use a folder."""
    found = []
    for process in psutil.process_iter(["cmdline", "environ"]):
        command = " ".join(process.info["cmdline"] or [])
        if str(folder) in command or str(folder) in str((process.info["environ"] or {}).get("PERDURE_STATE")):
            found.append(command)
    return found

"""New code takes over while runs are open: nothing is lost, nothing is done twice, and only what is proven moves."""

import asyncio
import os
import re
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client

from perdure.approvers import ApproversFile
from perdure.approvers.enrolment import enrol, find_key, key_file
from perdure.bus import RawMessage, decode
from perdure.cli.message_text import describe
from perdure.contracts import ApprovalRequested, Progress
from perdure.local.approver import login_name
from perdure.local.services import of_build
from perdure.values.rollout import (
    Finished,
    Gated,
    Moved,
    NotRunning,
    Promoted,
    Retired,
    RolloutEvent,
    RolloutRefused,
    RolloutRequest,
    Stays,
)
from tests.support.people import SigningKey, signed
from tests.support.suite import World, gaps, open_world

RUNS = int(os.environ.get("RUNS", "30"))
ROLLING = (Path(__file__).parents[1] / "support" / "rolling.py").read_text()

KINDS = {"fits": 3, "differs": 2, "booking": 2, "shipping": 1, "talk": 2}
"""The kinds of runs, and how many tenths of all there are of each: half of them wait for people."""

STEPS = {
    "fits": ["before", "after"],
    "differs": ["before", "after"],
    "booking": ["book", "pay", "send"],
    "shipping": ["load", "unload"],
    "talk": ["think"],
}
MOVE = {"fits", "booking", "talk"}
NEW = (
    ROLLING.replace('VERSION = "one"', 'VERSION = "two"')
    .replace("# one more step", 'await do("between")')
    .replace("# another step", 'await do("pack")')
)


@dataclass
class Rolling:
    """A suite with the workflows of ``rolling.py``.

    Attributes:
        retired: The builds whose processes were stopped.
    """

    world: World
    key: SigningKey
    seen: list[RolloutEvent] = field(default_factory=list)

    async def start(self, count: int) -> dict[str, str]:
        """Start runs, and wait until each is where it shall be met; returns their kinds."""
        names = [kind for kind, share in KINDS.items() for _ in range(max(1, count * share // 10))]
        runs = {f"{kind}-{number}": kind for number, kind in enumerate(names)}
        for run, kind in runs.items():
            await self.world.publish(f"roll.{kind}", b"{}", Nats_Msg_Id=run)
        people, steps = names.count("fits") + names.count("differs"), names.count("booking") + names.count("shipping")
        async with asyncio.timeout(240):
            while len(await self.requests()) < people or self._holding() < steps + names.count("talk"):
                await asyncio.sleep(0.3)
        return runs

    def _holding(self) -> int:
        return sum(line.split()[1] in {"pay", "load", "think"} for line in self.world.log.read_text().splitlines())

    async def requests(self) -> dict[str, str]:
        """Return the digest of each request for an approval."""
        found = {}
        async for message in self.world.bus.read("approvals.requested.>"):
            request = decode(message.raw)
            assert isinstance(request, ApprovalRequested)
            found[request.request_id] = request.digest
        return found

    async def approve_all(self) -> None:
        for request, digest in (await self.requests()).items():
            decision = signed(self.key, "ada", request, digest)
            await self.world.bus.publish_raw(RawMessage(decision.subject, decision.model_dump_json().encode(), {}))

    def release(self) -> None:
        (self.world.folder / "released").touch()

    def steps(self) -> dict[str, dict[str, set[str]]]:
        """Return the idempotency keys with which each step of each run was executed: one is once."""
        found: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        for line in self.world.log.read_text().splitlines():
            run, step, key = line.split()
            found[run][step].add(key)
        return found

    async def retirement(self, build: str) -> None:
        async with asyncio.timeout(120):
            while Retired(build=build) not in self.seen:
                await asyncio.sleep(0.2)

    @property
    def build(self) -> str:
        return self.world.suite.rollouts.build

    def kill(self, name: str) -> None:
        self.world.suite.supervisor.kill(name)


@asynccontextmanager
async def rolling(folder: Path, code: str = ROLLING) -> AsyncIterator[Rolling]:
    """Run a suite in a folder, where one may have run before."""
    (folder / "rolling.py").write_text(code)
    seen: list[RolloutEvent] = []
    routes = [{"on": f"roll.{kind}", "start": kind.capitalize(), "workflow_id": "{id}"} for kind in KINDS]
    async with open_world(folder, workflows=["rolling"], routes=routes, report_rollout=seen.append) as world:
        keys = world.settings.keys_folder
        if not key_file(keys, "ada").exists():
            enrol(ApproversFile(world.settings.approvers_file), keys, "ada", roles=[])
        yield Rolling(world, find_key(keys, "ada")[1], seen)


def versions(facts: dict[str, list[Progress]]) -> dict[str, str]:
    """Return with which version each run has ended."""
    return {run: str(of_run[-1].result).rpartition(" ")[2] for run, of_run in facts.items()}


def of(kind: type[Any], events: list[RolloutEvent]) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


@pytest.mark.timeout(900)  # more than it waits for its parts: with many RUNS, or on a busy machine
async def test_new_code_takes_over_open_runs_whatever_is_killed_on_the_way(tmp_path: Path) -> None:
    async with rolling(tmp_path) as suite:
        runs = await suite.start(RUNS)
        before, asked = suite.build, await suite.requests()
        killed: list[str] = []

        def kill(event: RolloutEvent) -> None:
            """Kill something at each point of the deploy, once."""
            victims = {
                Gated: ["nats"],
                Promoted: ["temporal", "orchestrator"],  # the old one still has this name
                Moved: ["orchestrator", of_build("orchestrator", before), "nats"],
            }.get(type(event), [])
            if victims and type(event).__name__ not in killed:
                killed.append(type(event).__name__)
                for victim in victims:
                    suite.kill(victim)

        events = await suite.world.deploy(NEW, note=kill, module="rolling.py")
        for name in suite.world.suite.supervisor.names:
            await suite.world.suite.supervisor.ready(name)
        assert await suite.requests() == asked
        suite.release()
        await suite.approve_all()
        facts = await suite.world.completed(len(runs), within=240)
        await suite.retirement(before)
        steps = suite.steps()
        left = suite.world.suite.supervisor.names

    assert killed == ["Gated", "Promoted", "Moved"]
    assert {event.run for event in of(Moved, events)} == {run for run, kind in runs.items() if kind in MOVE}
    assert {event.run for event in of(Stays, events)} == {run for run, kind in runs.items() if kind not in MOVE}
    assert all(re.fullmatch(r"rolling\.py:\d+", event.line) and event.why for event in of(Stays, events))
    for run, kind in runs.items():
        assert facts[run][-1].result == f"{kind} {'two' if kind in MOVE else 'one'}"
        assert (gaps(facts[run]), list(steps[run])) == (set(), STEPS[kind])
        assert {len(keys) for keys in steps[run].values()} == {1}, "a recorded step ran again"
        assert Counter(fact.kind for fact in facts[run])["completed"] == 1
    assert [name for name in left if name.startswith("orchestrator")] == ["orchestrator"]


async def test_what_comes_to_nothing_leaves_everything_as_it_was(tmp_path: Path) -> None:
    async with rolling(tmp_path) as suite:
        await suite.start(10)
        before, names = suite.build, suite.world.suite.supervisor.names
        client = await Client.connect(suite.world.suite.endpoints.temporal)
        held = await client.get_workflow_handle("differs-3").describe()

        broken = await suite.world.deploy(f"import no_such_module\n{NEW}", module="rolling.py")
        picky = await suite.world.deploy(NEW, all_or_nothing=True, module="rolling.py")
        looked = await suite.world.deploy(NEW, dry_run=True, module="rolling.py")
        after = await client.get_workflow_handle("differs-3").describe()

        assert [type(event) for event in broken] == [RolloutRefused]
        assert "no_such_module" in of(RolloutRefused, broken)[0].why
        assert [type(event) for event in picky] == [Gated, Stays, Stays, Stays, RolloutRefused]
        assert "3 of 10 open runs do not replay" in of(RolloutRefused, picky)[0].why
        assert (of(Finished, looked)[0].moved, of(Finished, looked)[0].stays) == (7, 3)
        assert (suite.build, suite.world.suite.supervisor.names) == (before, names)
        assert held.history_length == after.history_length
        suite.release()
        await suite.approve_all()
        facts = await suite.world.completed(10, within=120)
    assert set(versions(facts).values()) == {"one"}


async def test_one_goes_back_half_way_and_runs_that_fit_go_along(tmp_path: Path) -> None:
    async with rolling(tmp_path) as suite:
        runs = await suite.start(10)
        before = suite.build
        await suite.world.deploy(NEW, module="rolling.py")
        newer = suite.build
        await suite.world.publish("roll.differs", b"{}", Nats_Msg_Id="late")
        while not suite.steps()["late"].get("between"):
            await asyncio.sleep(0.2)

        events = await suite.world.roll_out(RolloutRequest(build=before))

        assert suite.build == before, events
        assert {event.run for event in of(Moved, events)} == {run for run, kind in runs.items() if kind in MOVE}
        assert [event.run for event in of(Stays, events)] == ["late"]
        suite.release()
        async with asyncio.timeout(60):
            while len(await suite.requests()) < 6:
                await asyncio.sleep(0.2)
        await suite.approve_all()
        facts = await suite.world.completed(11, within=120)
        await suite.retirement(newer)
        lines = [describe(message.raw) async for message in suite.world.bus.read("admin.deploy.>")]

    who, of_perdure = login_name(), "of perdure, before"
    assert lines == [
        f"perdure/orchestrator: promoted {before} of perdure",
        f"{who}: promoted {newer} {of_perdure} {before}",
        f"{who}: rolled out {newer} of perdure, 7 moved, 3 stay",
        f"{who}: rolled back {before} {of_perdure} {newer}",
        f"{who}: rolled out {before} of perdure, 7 moved, 1 stay",
    ]
    assert versions(facts) == {**dict.fromkeys(runs, "one"), "late": "two"}


async def test_a_suite_that_was_killed_in_the_middle_of_a_deploy_continues_it_at_its_next_start(tmp_path: Path) -> None:
    async with rolling(tmp_path) as suite:
        runs = await suite.start(10)
        before = suite.build

        class Killed(Exception):
            """The supervisor dies here."""

        def die(event: RolloutEvent) -> None:
            if isinstance(event, Moved):
                raise Killed

        with pytest.raises(Killed):
            await suite.world.deploy(NEW, note=die, module="rolling.py")
    async with rolling(tmp_path, NEW) as suite:
        async with asyncio.timeout(120):
            while not of(Finished, suite.seen):
                await asyncio.sleep(0.2)
        suite.release()
        await suite.approve_all()
        facts = await suite.world.completed(10, within=120)
        await suite.retirement(before)

    assert not of(NotRunning, suite.seen)
    assert versions(facts) == {run: "two" if kind in MOVE else "one" for run, kind in runs.items()}

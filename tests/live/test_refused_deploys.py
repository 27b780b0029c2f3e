"""A deploy that comes to nothing: whatever dies on the way, what ran before goes on."""

import asyncio
import re
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from perdure.errors import SetupError
from perdure.local.program_event import ProgramEvent, Ready
from perdure.local.services import base_of, of_build
from perdure.values.rollout import Finished, Gated, Promoted, RolloutEvent, RolloutRefused
from tests.support.suite import WORKSHOP, World

OpenWorld = Callable[..., AbstractAsyncContextManager[World]]

NEW = f"{WORKSHOP.read_text()}\nVERSION = 'two'\n"
SECOND_FAILS = f"""{NEW}
import sys
import time

if sys.modules["__main__"].__spec__.name == "perdure_orchestrator.__main__":
    first = Path(os.environ["WORKSHOP_LOG"]).with_name("first")
    try:
        first.touch(exist_ok=False)
    except FileExistsError:
        for _ in range(80):  # longer than a worker needs until it polls
            if first.with_name("promoted").exists():
                break
            time.sleep(0.1)
        raise RuntimeError("the second process does not start")
"""


async def completes(live: World, run: str) -> None:
    """Start a run, and wait for its end."""
    await live.publish("work.quick", b"{}", Nats_Msg_Id=run)
    await live.stories(f"Quick~{run}")


async def test_a_version_of_which_one_process_does_not_start_is_not_promoted(world: OpenWorld) -> None:
    async with world(replicas={"orchestrator": 2}, temporal={"sandbox": False}) as live:
        before, names = live.suite.rollouts.build, live.suite.supervisor.names

        def note(event: object) -> None:
            if isinstance(event, Promoted):
                (live.folder / "promoted").touch()

        events = await live.deploy(SECOND_FAILS, note=note)
        await completes(live, "one")

        assert [type(event) for event in events] == [Gated, RolloutRefused]
        assert re.search(r"Nothing was changed\. orchestrator(-2)?@", str(events[-1]))
        assert (live.suite.rollouts.build, live.suite.supervisor.names) == (before, names)
        assert {it.name for it in (live.settings.state / "versions").iterdir() if it.is_symlink()} == {before}


async def test_a_candidate_that_is_killed_as_it_starts_is_not_promoted_and_the_deploy_can_be_repeated(
    world: OpenWorld,
) -> None:
    async with world() as live:
        before, names = live.suite.rollouts.build, live.suite.supervisor.names
        killing = asyncio.create_task(kill_candidate(live))

        refused = await live.deploy(NEW)
        await killing
        await completes(live, "one")
        left = live.suite.rollouts.build, live.suite.supervisor.names
        repeated = await live.deploy(NEW)
        await completes(live, "two")

    assert [type(event) for event in refused] == [Gated, RolloutRefused]
    assert "does not start (SIGKILL)" in str(refused[-1])
    assert left == (before, names)
    assert isinstance(repeated[-1], Finished)


async def test_a_candidate_that_is_killed_once_it_is_ready_starts_anew_and_is_promoted(world: OpenWorld) -> None:
    suite: list[World] = []
    killed: list[str] = []

    def kill(event: ProgramEvent) -> None:
        if suite and isinstance(event, Ready) and event.name != base_of(event.name) and not killed:
            killed.append(event.name)
            suite[0].suite.supervisor.kill(event.name)

    async with world(report=kill) as live:
        suite.append(live)
        await live.publish("work.patient", b"{}", Nats_Msg_Id="open")
        while not await live.facts():
            await asyncio.sleep(0.1)

        events = await live.deploy(NEW)
        await completes(live, "one")
        build = live.suite.rollouts.build

    assert killed == [of_build("orchestrator", build)]
    assert isinstance(events[-1], Finished)
    assert events[-1].open_runs == {build: 1}


async def test_a_version_that_a_failing_deploy_has_promoted_is_the_code_of_today(
    world: OpenWorld,
) -> None:
    async with world() as live:
        before, names = live.suite.rollouts.build, live.suite.supervisor.names

        def fail(event: RolloutEvent) -> None:
            if isinstance(event, Promoted):
                raise SetupError("The disk is full.")

        events = await live.deploy(NEW, note=fail)
        await completes(live, "one")
        refused, build = events[-1], live.suite.rollouts.build

    assert isinstance(refused, RolloutRefused)
    assert refused.why.startswith(f"Version {build} is current, but not all that belongs to it was done.")
    assert build != before
    assert set(names) <= set(live.suite.supervisor.names)


async def kill_candidate(live: World) -> None:
    """Kill the first process of another version as soon as it runs."""
    while True:
        for name in live.suite.supervisor.names:
            if name != base_of(name):
                try:
                    live.suite.supervisor.kill(name)
                except LookupError:  # it has no process yet
                    continue
                return
        await asyncio.sleep(0.01)

"""Many failed runs are tried again by one condition, each once, though the orchestrator is killed meanwhile."""

import asyncio
import json
import os
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress
from pathlib import Path
from subprocess import CompletedProcess

from perdure.bus import decode
from perdure.cli.exit_codes import UNREACHABLE
from perdure.contracts import Progress
from tests.support.command_line import perdure_of, printed
from tests.support.suite import World, gaps

OpenWorld = Callable[..., AbstractAsyncContextManager[World]]

CODE = Path(__file__).parents[1] / "support" / "keyed.py"
RUNS = int(os.environ.get("RETRIED_RUNS", "60"))
WHERE = 'PerdureRoute = "Order" AND ExecutionStatus = "Failed"'


async def test_failed_runs_are_tried_again_by_one_condition_each_once(world: OpenWorld) -> None:
    routes = [{"on": "order.placed", "start": "Order"}]
    async with world(workflows=["keyed"], routes=routes, modules={"keyed.py": CODE.read_text()}) as here:
        (here.folder / "revoked").touch()
        for number in range(RUNS):
            await here.publish("order.placed", b'{"amount": 2}', Nats_Msg_Id=f"m{number}")
        await ended(here, "failed", RUNS)
        (here.folder / "revoked").unlink()
        async with asyncio.timeout(60):
            while len(printed(await perdure_of(here.settings.state, *words("--dry-run")))) < RUNS:
                await asyncio.sleep(0.5)
        acting = asyncio.create_task(perdure_of(here.settings.state, *words("--yes", "--act", "renewed")))
        await ended(here, "completed", RUNS // 10)
        here.suite.supervisor.kill("orchestrator")
        with suppress(TimeoutError):  # the harness has killed a command that takes long
            await acting
        second = await repeated(here)
        await ended(here, "completed", RUNS)
        facts = await here.facts()
        third = await repeated(here)
        lines = Counter(here.log.read_text().splitlines())
        checked = await perdure_of(here.settings.state, "admin", "check")

    outcomes = Counter(json.loads(line)["outcome"] for line in second.stdout.splitlines())
    assert set(outcomes) <= {"done", "already"}, outcomes
    assert outcomes.total() == RUNS
    assert second.returncode == third.returncode == 0, (second.stderr, third.stderr)
    assert {json.loads(line)["outcome"] for line in third.stdout.splitlines()} == {"already"}
    assert {run for run, story in facts.items() if gaps(story)} == set()
    assert {run for run, story in facts.items() if len({fact.run_id for fact in story}) != 2} == set()
    assert {run for run, story in facts.items() if not 1 <= lines[f"{run} charge"] <= attempts(story)} == set()
    assert sum(1 for line in lines if line.endswith(" ship")) == RUNS
    assert checked.returncode == 0, checked.stdout


def attempts(story: list[Progress]) -> int:
    """Return how often Temporal has tried to charge a run: on a busy machine an attempt may take too long."""
    return max(fact.attempt for fact in story if fact.step == "charge")


async def repeated(here: World) -> CompletedProcess[str]:
    """Do the act again until the command ends by itself, and has reached the services: it says what goes on."""
    async with asyncio.timeout(600 + 2 * RUNS):
        while True:
            with suppress(TimeoutError):
                ended = await perdure_of(here.settings.state, *words("--yes", "--act", "renewed"))
                if ended.returncode != UNREACHABLE:
                    return ended


def words(*more: str) -> tuple[str, ...]:
    return ("runs", "retry", "--where", WHERE, "--reason", "the key is renewed", "--json", *more)


async def ended(here: World, kind: str, count: int) -> None:
    """Wait until the newest fact of so many runs is an ending of this kind."""
    found = set[str]()
    async with asyncio.timeout(60 + 2 * count):
        async for message in here.bus.subscribe("progress.>", replay=True):
            fact = decode(message.raw)
            assert isinstance(fact, Progress)
            (found.add if fact.kind == kind else found.discard)(fact.workflow_id)
            if len(found) >= count:
                return

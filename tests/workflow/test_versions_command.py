"""``perdure versions`` on real servers: what it prints, its exit codes, and what ADMIN records."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
import pytest_asyncio
from temporalio import workflow
from temporalio.testing import WorkflowEnvironment

from perdure.bus import NatsBus, connect, decode
from perdure.bus.jetstream.provision import provision
from perdure.cli.message_text import describe
from perdure.config.settings import NatsSettings
from perdure.contracts import VersionChanged
from tests.support.binaries import binary
from tests.support.command_line import perdure, printed
from tests.support.nats_server import nats_server
from tests.support.versioned import House, until

pytestmark = pytest.mark.asyncio(loop_scope="session")

Command = Callable[..., Coroutine[Any, Any, CompletedProcess[str]]]


@workflow.defn
class Waiting:
    @workflow.run
    async def run(self) -> None:
        await workflow.wait_condition(lambda: False)


@pytest_asyncio.fixture(loop_scope="session")
async def house() -> AsyncIterator[House]:
    async with await WorkflowEnvironment.start_local(dev_server_existing_path=binary("temporal")) as environment:
        yield House(environment)


@pytest.fixture
def nats(tmp_path: Path) -> Iterator[NatsSettings]:
    with nats_server(tmp_path) as settings:
        yield settings


@pytest_asyncio.fixture(loop_scope="session")
async def bus(nats: NatsSettings) -> AsyncIterator[NatsBus]:
    async with connect(nats, source="perdure/test", within=5) as bus:
        await provision(bus.js, "test")
        yield bus


@pytest.fixture
def versions(house: House, nats: NatsSettings, tmp_path: Path) -> Command:
    """Runs ``perdure versions`` for the deployment of the house."""
    host, _, port = house.server.client.service_client.config.target_host.rpartition(":")
    environment = {
        "PERDURE_EXECUTION_ENGINE": "temporal",
        "PERDURE_NATS__SERVERS": json.dumps(nats.servers),
        "PERDURE_TEMPORAL__HOST": host,
        "PERDURE_TEMPORAL__PORT": port,
        "PERDURE_TEMPORAL__TASK_QUEUE": house.queue,
        "PERDURE_TEMPORAL__DEPLOYMENT": house.deployment,
    }

    async def run(*arguments: str) -> CompletedProcess[str]:
        return await asyncio.to_thread(perdure, tmp_path, "versions", *arguments, environment=environment)

    return run


async def acts(bus: NatsBus, house: House, count: int) -> list[VersionChanged]:
    found: list[VersionChanged] = []
    async with asyncio.timeout(30):
        async for message in bus.subscribe(f"admin.deploy.{house.deployment}", replay=True):
            act = decode(message.raw)
            assert isinstance(act, VersionChanged)
            assert act.by in describe(message.raw)
            found.append(act)
            if len(found) == count:
                break
    return found


async def test_versions_are_listed_promoted_and_gone_back_from_and_admin_records_who_did_it(
    house: House, bus: NatsBus, versions: Command
) -> None:
    nothing = await versions()
    assert (nothing.returncode, nothing.stdout) == (
        0,
        f"No worker of {house.deployment} has polled with a version yet.\n",
    )
    async with house.orchestrator("b1", Waiting) as first, house.orchestrator("b2", Waiting) as second:
        await until(lambda: first.own.is_current or second.own.is_current)
        before, after = ("b1", "b2") if first.own.is_current else ("b2", "b1")

        promoted = await versions("promote", after)
        assert (promoted.returncode, promoted.stdout) == (0, f"New runs start on {after} now, before on {before}.\n")
        again = await versions("promote", after)
        assert again.stdout == f"New runs start on {after} already: nothing was changed.\n"
        (back,) = printed(await versions("rollback", "--from", after, "--json"))
        assert (back["build"], back["before"], back["changed"]) == (before, after, True)

        rows = printed(await versions("--json"))
        assert {row["build"]: row["state"] for row in rows} == {before: "current", after: "draining"}
        refused = await versions("retire", before)
        assert (refused.returncode, refused.stderr) == (
            1,
            f"perdure: New runs start on {before}: promote another version first.\n",
        )
        assert (await versions("retire", after)).returncode == 3  # its worker runs
        assert (await versions("promote", "b9", "--within", "0")).returncode == 4

    first_act, second_act = await acts(bus, house, 2)
    assert (first_act.act, first_act.build, first_act.before) == ("promoted", after, before)
    assert (second_act.act, second_act.build, second_act.before) == ("rolled_back", before, after)
    assert first_act.by == second_act.by == back["by"]

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


def environment(house: House, nats: NatsSettings) -> dict[str, str]:
    """Return the variables with which commands act on the deployment of a house."""
    host, _, port = house.server.client.service_client.config.target_host.rpartition(":")
    return {
        "PERDURE_EXECUTION_ENGINE": "temporal",
        "PERDURE_NATS__SERVERS": json.dumps(nats.servers),
        "PERDURE_TEMPORAL__HOST": host,
        "PERDURE_TEMPORAL__PORT": port,
        "PERDURE_TEMPORAL__TASK_QUEUE": house.queue,
        "PERDURE_TEMPORAL__DEPLOYMENT": house.deployment,
    }


def command(house: House, nats: NatsSettings, folder: Path) -> Command:
    """Return what runs ``perdure versions`` for the deployment of a house."""

    async def run(*arguments: str) -> CompletedProcess[str]:
        return await asyncio.to_thread(perdure, folder, "versions", *arguments, environment=environment(house, nats))

    return run


@pytest.fixture
def versions(house: House, nats: NatsSettings, tmp_path: Path) -> Command:
    return command(house, nats, tmp_path)


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


@pytest_asyncio.fixture(loop_scope="session")
async def forgetful_house() -> AsyncIterator[House]:
    """A house whose Temporal lists a worker for ten seconds after its last poll, not for five minutes."""
    arguments = ["--dynamic-config-value", 'matching.PollerHistoryTTL="10s"']
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=binary("temporal"), dev_server_extra_args=arguments
    ) as environment:
        yield House(environment)


async def test_a_version_is_retired_once_its_worker_has_ended_and_is_listed_no_more(
    forgetful_house: House, nats: NatsSettings, bus: NatsBus, tmp_path: Path
) -> None:
    versions = command(forgetful_house, nats, tmp_path)
    async with forgetful_house.orchestrator("b2", Waiting) as second:
        await until(lambda: second.own.is_current)
        async with forgetful_house.orchestrator("b1", Waiting):
            assert (await versions("promote", "b1")).returncode == 0
            assert (await versions("rollback", "--from", "b1")).returncode == 0
            pending = await versions("retire", "b1")
        async with asyncio.timeout(60):
            while (retired := await versions("retire", "b1")).returncode == 3:
                await asyncio.sleep(0.5)
        rows = printed(await versions("--json"))

    assert (pending.returncode, retired.returncode) == (3, 0), retired.stderr
    assert "b1" in retired.stdout
    assert [row["build"] for row in rows] == ["b2"]
    assert [act.act for act in await acts(bus, forgetful_house, 3)] == ["promoted", "rolled_back", "retired"]


async def test_a_dry_run_of_a_deploy_needs_no_nats(house: House, tmp_path: Path) -> None:
    nobody = NatsSettings(servers=("nats://127.0.0.1:9",))
    async with house.orchestrator("b1", Waiting) as first:
        await until(lambda: first.own.is_current)
        run = await first.start("Waiting")
        async with asyncio.timeout(30):
            while not (await house.acts.list()).versions[0].open_runs:
                await asyncio.sleep(0.1)

        looked = await asyncio.to_thread(
            perdure, tmp_path, "deploy", "--dry-run", "--json", environment=environment(house, nobody)
        )

    gated, stays, finished = printed(looked)
    assert (gated["runs"], stays["run"], finished["dry_run"]) == (1, run.id, True)

"""New code takes over on servers of one's own: the commands of the compose file and of the manifests, as processes."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any, Final
from urllib.request import urlopen

import pytest
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from tests.support.binaries import binary
from tests.support.command_line import perdure, printed
from tests.support.deploy_files import compose, workloads
from tests.support.nats_server import nats_server
from tests.support.ports import free_port
from tests.support.versioned import ended

CODE: Final = """
from temporalio import workflow

VERSION = "one"


class Waiting:
    def __init__(self) -> None:
        self._may_end = False

    @workflow.signal
    def end(self) -> None:
        self._may_end = True


@workflow.defn
class Fits(Waiting):
    @workflow.run
    async def run(self, _: dict[str, str]) -> str:
        await workflow.wait_condition(lambda: self._may_end)
        return VERSION


@workflow.defn
class Differs(Waiting):
    @workflow.run
    async def run(self, _: dict[str, str]) -> str:
        await workflow.wait_condition(lambda: self._may_end)
        return VERSION
"""
WAITS: Final = "        await workflow.wait_condition(lambda: self._may_end)\n"
CONFIGURATION: Final = "workflows: [flows]\nroutes: [{on: fits, start: Fits}, {on: differs, start: Differs}]\n"
PODS: Final = {str(manifest["metadata"]["name"]): container["command"] for manifest, _, container in workloads()}
SERVICE: Final = ["python", "-m", "perdure_orchestrator"]


@dataclass(frozen=True, slots=True)
class Way:
    """How the versions run.

    Attributes:
        commands: What runs of each version.
        deployment: Its name.
        build: The variable that names its build, if one does.
        takes_over: Lets new code take over.
        moves: Whether that moves open runs.
    """

    commands: Sequence[Sequence[str]]
    deployment: str = "perdure"
    build: str | None = None
    takes_over: tuple[str, ...] = ("deploy",)
    moves: bool = True

    def environment(self, folder: Path) -> dict[str, str]:
        return {} if self.build is None else {self.build: folder.name, "TEMPORAL_DEPLOYMENT_NAME": self.deployment}


WAYS: Final = {
    "compose": Way([compose()["services"]["orchestrator"]["command"]]),
    "kubernetes": Way([PODS["perdure-worker"], PODS["perdure-bridge"]], build="PERDURE_BUILD_ID"),
    "the worker controller": Way(
        [SERVICE],
        deployment="controlled",
        build="TEMPORAL_WORKER_BUILD_ID",
        takes_over=("versions", "promote", "two"),
        moves=False,
    ),
}


@dataclass(frozen=True, slots=True)
class Place:
    """Servers of one's own, and where the programs find them."""

    temporal: Client
    environment: Mapping[str, str]

    @asynccontextmanager
    async def running(self, command: Sequence[str], folder: Path, more: Mapping[str, str]) -> AsyncIterator[None]:
        """Run a service until the block ends, once its health check succeeds."""
        python, *arguments = command
        assert python == "python"
        service, port = command[2].removeprefix("perdure_"), str(free_port())
        named = {f"PERDURE_{service.upper()}__HTTP_PORT": port}
        process = await asyncio.create_subprocess_exec(
            sys.executable, *arguments, cwd=folder, env={**os.environ, **self.environment, **named, **more}
        )
        try:
            async with asyncio.timeout(90):
                while not await asyncio.to_thread(_is_ready, port):
                    assert process.returncode is None, f"{command} has ended"
                    await asyncio.sleep(0.2)
            yield
        finally:
            process.terminate()
            await process.wait()

    async def perdure(self, folder: Path, *arguments: str, **more: str) -> CompletedProcess[str]:
        return await asyncio.to_thread(perdure, folder, *arguments, environment={**self.environment, **more})

    async def result(self, run: str) -> Any:
        return await ended(self.temporal.get_workflow_handle(run))

    async def begun(self, folder: Path, *kinds: str) -> list[str]:
        """Publish an event of each kind, and return the ids of the runs once they have begun."""
        for kind in kinds:
            published = await self.perdure(folder, "publish", kind, "{}", "--id", f"{kind}-{folder.name}")
            assert published.returncode == 0, published.stderr
        found = [await self._run_of(f"{kind.title()}~{kind}-{folder.name}~") for kind in kinds]
        for run in found:
            await self._until_begun(run)
        return found

    async def _run_of(self, start: str) -> str:
        async with asyncio.timeout(60):
            while True:
                async for run in self.temporal.list_workflows(f"WorkflowId STARTS_WITH '{start}'"):
                    return run.id
                await asyncio.sleep(0.2)

    async def _until_begun(self, run: str) -> None:
        handle = self.temporal.get_workflow_handle(run)
        async with asyncio.timeout(60):
            while not any(
                it.HasField("workflow_task_completed_event_attributes") for it in (await handle.fetch_history()).events
            ):
                await asyncio.sleep(0.1)


def _is_ready(port: str) -> bool:
    """Do what the health check of the compose file does."""
    try:
        return bool(urlopen(f"http://127.0.0.1:{port}/readyz", timeout=3).status == 200)
    except OSError:
        return False


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Where the code of two versions lies; one workflow of the second does not replay what the first has done."""
    one, two = tmp_path / "one", tmp_path / "two"
    *rest, differs = CODE.replace('"one"', '"two"').rpartition(WAITS)
    for folder, code in ((one, CODE), (two, f"{rest[0]}        await workflow.sleep(1)\n{WAITS}{differs}")):
        folder.mkdir()
        (folder / "flows.py").write_text(code)
        (folder / "perdure.yaml").write_text(CONFIGURATION)
    return one, two


@asynccontextmanager
async def servers(folder: Path, deployment: str) -> AsyncIterator[Place]:
    with nats_server(folder) as nats:
        async with await WorkflowEnvironment.start_local(dev_server_existing_path=binary("temporal")) as environment:
            host, _, port = environment.client.service_client.config.target_host.rpartition(":")
            yield Place(
                environment.client,
                {
                    "PERDURE_EXECUTION_ENGINE": "temporal",
                    "PERDURE_STATE": str(folder / "state"),
                    "PERDURE_NATS__SERVERS": json.dumps(nats.servers),
                    "PERDURE_TEMPORAL__HOST": host,
                    "PERDURE_TEMPORAL__PORT": port,
                    "PERDURE_TEMPORAL__DEPLOYMENT": deployment,
                },
            )


@pytest.mark.timeout(280)
@pytest.mark.parametrize("way", WAYS.values(), ids=list(WAYS))
async def test_new_code_takes_over_by_the_commands_of_the_documents(
    way: Way, folders: tuple[Path, Path], tmp_path: Path
) -> None:
    one, two = folders
    async with servers(tmp_path, way.deployment) as place, AsyncExitStack() as old, AsyncExitStack() as new:
        for command in way.commands:
            await old.enter_async_context(place.running(command, one, way.environment(one)))
        await old.enter_async_context(place.running(compose()["services"]["ingest"]["command"], one, {}))
        fits, differs = await place.begun(one, "fits", "differs")
        for command in way.commands:
            await new.enter_async_context(place.running(command, two, way.environment(two)))

        took_over = await place.perdure(two, *way.takes_over, **way.environment(two))
        assert took_over.returncode == 0, took_over.stderr
        rows = await _listed(place, two, {"current": int(way.moves), "draining": 2 - way.moves})
        (later,) = await place.begun(two, "fits")
        results = [await place.result(run) for run in (fits, differs, later)]
        assert results == (["two", "one", "two"] if way.moves else ["one", "one", "two"])

        await _listed(place, two, {"current": 0, "draining": 0})
        refused = await place.perdure(two, "versions", "retire", rows["current"])
        await old.aclose()
        retired = await place.perdure(two, "versions", "retire", rows["draining"])
        assert (refused.returncode, "promote another version first" in refused.stderr) == (1, True), refused.stderr
        assert (retired.returncode, "up to 5 minutes" in retired.stderr) == (3, True), retired.stderr


async def _listed(place: Place, folder: Path, open_runs: dict[str, int]) -> dict[str, str]:
    """Wait until ``perdure versions`` lists so many open runs by state, and return the builds by state."""
    async with asyncio.timeout(60):
        while True:
            rows = printed(await place.perdure(folder, "versions", "--json"))
            if {row["state"].replace("drained", "draining"): row["open_runs"] for row in rows} == open_runs:
                return {row["state"].replace("drained", "draining"): row["build"] for row in rows}
            await asyncio.sleep(0.5)

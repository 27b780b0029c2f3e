"""A NATS cluster loses a leader under load, and no event is lost or doubled."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
from temporalio.client import Client

from perdure.errors import Unavailable
from perdure.local.installed import installed
from perdure.local.process import Process
from perdure.local.program import Program, http_ready
from perdure.local.servers import temporal_program
from perdure.local.supervisor import supervised
from tests.support.ports import SERVERS, free_port
from tests.support.suite import World, gaps

OpenWorld = Callable[..., AbstractAsyncContextManager[World]]

EVENTS = 50
NAMES = ("one", "two", "three")


@pytest.mark.timeout(280)
async def test_the_leader_of_the_events_dies_under_load_and_every_event_becomes_one_whole_run(
    world: OpenWorld, tmp_path: Path
) -> None:
    async with cluster(tmp_path / "servers") as servers, temporal(tmp_path / "servers") as port:
        configuration = {
            "execution_engine": "temporal",
            "temporal": {"port": port, "task_timeout_seconds": 3},
            "nats": {"servers": [servers.where(name) for name in NAMES], "replicas": 3},
        }
        async with world(**configuration) as here:
            publishing = asyncio.create_task(publish_all(here))
            await stored(here, EVENTS // 4)
            leader = await leader_of_the_events(here)
            await servers.kill(leader)
            await stored(here, EVENTS * 3 // 4)
            await servers.start(leader)
            await publishing
            facts = await here.completed(EVENTS, within=120)
            runs = await runs_in_temporal(port)
            dead_letters = [message async for message in here.bus.read("dlq.>")]
            await all_current(here)

    assert sorted(runs) == sorted(f"Quick~e{number}" for number in range(EVENTS))
    assert {
        run: [fact.kind for fact in run_facts].count("completed") for run, run_facts in facts.items()
    } == dict.fromkeys(runs, 1)
    assert {run: gaps(run_facts) for run, run_facts in facts.items() if gaps(run_facts)} == {}
    assert dead_letters == []


class Cluster:
    """A cluster of three nats-servers."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ports = {name: (free_port(), free_port(), free_port()) for name in NAMES}
        self._running: dict[str, Process] = {}

    def where(self, name: str) -> str:
        return f"nats://127.0.0.1:{self._ports[name][0]}"

    async def start(self, *names: str) -> None:
        programs = {name: self._program(name) for name in names}
        for name, program in programs.items():
            self._running[name] = await Process.start(program, self._folder / "logs")
        async with asyncio.timeout(60):
            for program in programs.values():
                while not await program.ready():
                    await asyncio.sleep(0.05)

    async def kill(self, name: str) -> None:
        process = self._running.pop(name)
        process.send(signal.SIGKILL)
        await process.wait()

    async def stop(self) -> None:
        for process in self._running.values():
            await process.stop()

    def _program(self, name: str) -> Program:
        client, monitor, route = self._ports[name]
        folder = self._folder / name
        folder.mkdir(parents=True, exist_ok=True)
        routes = ", ".join(f"nats://127.0.0.1:{other}" for _, _, other in self._ports.values())
        configuration = folder / "nats.conf"
        configuration.write_text(
            f"server_name: {name}\n"
            f"listen: 127.0.0.1:{client}\n"
            f"http: 127.0.0.1:{monitor}\n"
            f'jetstream {{ store_dir: "{folder}" }}\n'
            f"cluster {{ name: perdure, listen: 127.0.0.1:{route}, routes: [{routes}] }}\n"
        )
        return Program(
            name=name,
            command=[installed("nats-server"), "-c", str(configuration)],
            where=self.where(name),
            ready=http_ready(f"http://127.0.0.1:{monitor}/healthz"),
        )


@asynccontextmanager
async def cluster(folder: Path) -> AsyncIterator[Cluster]:
    servers = Cluster(folder)
    try:
        await servers.start(*NAMES)
        yield servers
    finally:
        await servers.stop()


@asynccontextmanager
async def temporal(folder: Path) -> AsyncIterator[int]:
    ports: Mapping[str, int] = {name: free_port() for name in SERVERS}
    program = temporal_program(folder, ports, "default")
    async with supervised([program], folder / "logs", lambda _: None):
        yield ports["temporal"]


async def publish_all(here: World) -> None:
    """Publish each event again, under the same id, until it is acked."""
    for number in range(EVENTS):
        while True:
            try:
                await here.publish("work.quick", b"{}", Nats_Msg_Id=f"e{number}")
                break
            except Unavailable:
                await asyncio.sleep(0.1)
        await asyncio.sleep(0.02)


async def stored(here: World, count: int) -> None:
    """Wait until the stream holds so many events."""
    async with asyncio.timeout(60):
        async for message in here.bus.subscribe("events.>", replay=True):
            if message.sequence >= count:
                return


async def leader_of_the_events(here: World) -> str:
    info = await here.bus.js.stream_info("EVENTS")
    assert info.cluster is not None
    assert info.config.num_replicas == 3
    assert info.cluster.leader is not None
    return info.cluster.leader


async def all_current(here: World) -> None:
    """Wait until the restarted server holds all events."""
    async with asyncio.timeout(60):
        while True:
            info = await here.bus.js.stream_info("EVENTS")
            peers = info.cluster.replicas if info.cluster else None
            if peers and len(peers) == 2 and all(peer.current for peer in peers):
                return
            await asyncio.sleep(0.1)


async def runs_in_temporal(port: int) -> list[str]:
    """Return the workflow ids of all runs in Temporal, one for each run."""
    client = await Client.connect(f"127.0.0.1:{port}")
    async with asyncio.timeout(30):
        while True:
            runs = [run.id async for run in client.list_workflows("WorkflowType = 'Quick'")]
            if len(runs) >= EVENTS:
                return runs
            await asyncio.sleep(0.2)

"""The plugin's own connection to NATS: what becomes of a worker, a client and a replay when it cannot be made."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from temporalio.client import Client, WorkflowHistory
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Replayer, Worker

from perdure.bus import connect
from perdure.bus.jetstream.provision import provision
from perdure.config.settings import NatsSettings, Settings
from perdure.errors import SetupError, Unavailable
from perdure.flow.payload_store import PayloadStore
from perdure.local.nkeys import ensure_nkeys, seed_file
from perdure.testing.scripted_model import ScriptedModel
from perdure_orchestrator.activities import AgentBackends
from perdure_orchestrator.plugin import PerdurePlugin
from tests.support.nats_server import nats_server
from tests.support.plugged import Counting, client, count
from tests.support.ports import free_port
from tests.support.secret_file import write_secret

WITHIN = 30.0  # seconds, against waiting for ever
LARGE = "x" * 5000


def connecting(nats: NatsSettings) -> PerdurePlugin:
    settings = Settings.model_validate({"temporal": {"inline_payload_bytes": 1024, "sandbox": False}})
    backends = AgentBackends(ScriptedModel(lambda prompt: prompt), {})
    return PerdurePlugin(settings.model_copy(update={"nats": nats}), backends=backends)


def nowhere() -> NatsSettings:
    return NatsSettings(servers=(f"nats://127.0.0.1:{free_port()}",))


def new_worker(environment: WorkflowEnvironment, perdure: PerdurePlugin) -> tuple[Client, Worker]:
    connected = client(environment, plugins=[perdure])
    return connected, Worker(connected, task_queue=uuid4().hex, workflows=[Counting], activities=[count])


def missing(_: NatsSettings, folder: Path) -> NatsSettings:
    return NatsSettings(nkey_seed_file=folder / "none.nk")


def unreadable(running: NatsSettings, folder: Path) -> NatsSettings:
    write_secret(folder / "bad.nk", "no seed")
    return running.model_copy(update={"nkey_seed_file": folder / "bad.nk"})


def strange(running: NatsSettings, folder: Path) -> NatsSettings:
    ensure_nkeys(folder, ["strange"])
    return running.model_copy(update={"nkey_seed_file": seed_file(folder, "strange")})


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[NatsSettings]:
    """A server that admits one nkey only."""
    known = ensure_nkeys(tmp_path, ["known"])["known"]
    with nats_server(tmp_path, f"authorization {{ users: [{{ nkey: {known} }}] }}") as settings:
        yield settings


@pytest.mark.parametrize(
    ("wrong", "text"),
    [(missing, "none.nk cannot be read"), (unreadable, "cannot be used"), (strange, "NATS rejects these credentials")],
)
async def test_wrong_credentials_end_the_worker_with_their_reason(
    environment: WorkflowEnvironment,
    guarded: NatsSettings,
    tmp_path: Path,
    wrong: Callable[[NatsSettings, Path], NatsSettings],
    text: str,
) -> None:
    perdure = connecting(wrong(guarded, tmp_path))

    async with asyncio.timeout(WITHIN):
        with pytest.raises(SetupError, match=text):
            async with new_worker(environment, perdure)[1]:
                await asyncio.Event().wait()
        with pytest.raises(SetupError, match=text):
            await new_worker(environment, perdure)[1].run()


async def test_a_worker_that_waits_for_nats_stops_when_it_shall(environment: WorkflowEnvironment) -> None:
    _, worker = new_worker(environment, connecting(nowhere()))

    async with asyncio.timeout(WITHIN):
        async with worker:
            await asyncio.sleep(0.1)  # it waits meanwhile

    assert worker.is_shutdown


async def test_a_worker_serves_when_nats_answers(environment: WorkflowEnvironment, tmp_path: Path) -> None:
    nats = nowhere()
    connected, worker = new_worker(environment, connecting(nats))

    async with asyncio.timeout(WITHIN), worker:
        run = await connected.start_workflow("Counting", "hi", id=uuid4().hex, task_queue=worker.task_queue)
        with nats_server(tmp_path, port=int(nats.servers[0].rpartition(":")[2])):
            async with connect(nats, source="perdure/test", within=5) as bus:
                await provision(bus.js, "test")
            result = await run.result()

    assert result == 2


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Payloads give up after half a second."""
    monkeypatch.setattr(PayloadStore.__init__, "__kwdefaults__", {"retry_for": 0.5})


@pytest.fixture
async def history(environment: WorkflowEnvironment, tmp_path: Path) -> AsyncIterator[WorkflowHistory]:
    """The history of a run with a large payload."""
    with nats_server(tmp_path) as nats:
        async with connect(nats, source="perdure/test", within=5) as bus:
            await provision(bus.js, "test")
        connected, worker = new_worker(environment, connecting(nats))
        async with worker:
            run = await connected.start_workflow("Counting", LARGE, id=uuid4().hex, task_queue=worker.task_queue)
            await run.result()
        yield await run.fetch_history()


@pytest.mark.usefixtures("impatient")
async def test_a_client_does_not_wait_for_ever_for_nats(environment: WorkflowEnvironment) -> None:
    connected = client(environment, plugins=[connecting(nowhere())])

    async with asyncio.timeout(WITHIN):
        with pytest.raises(Unavailable, match="No NATS server answers"):
            await connected.start_workflow("Counting", LARGE, id=uuid4().hex, task_queue="q")


@pytest.mark.usefixtures("impatient")
async def test_a_replay_does_not_wait_for_ever_for_nats(history: WorkflowHistory) -> None:
    replayer = Replayer(workflows=[Counting], plugins=[connecting(nowhere())])

    async with asyncio.timeout(WITHIN):
        with pytest.raises(Exception, match="No NATS server answers"):
            await replayer.replay_workflow(history)


async def test_a_client_leaves_no_connection_behind(environment: WorkflowEnvironment, tmp_path: Path) -> None:
    with nats_server(tmp_path) as nats:
        async with connect(nats, source="perdure/test", within=5) as bus:
            await provision(bus.js, "test")
        connected = client(environment, plugins=[connecting(nats)])
        before = asyncio.all_tasks()
        starts = [
            connected.start_workflow("Counting", f"{number}{LARGE}", id=uuid4().hex, task_queue="q") for number in "ab"
        ]
        await asyncio.gather(*starts)
        after = asyncio.all_tasks()

    assert after == before


async def test_one_plugin_works_in_one_event_loop_after_another(
    environment: WorkflowEnvironment, tmp_path: Path
) -> None:
    """A plugin is often made once, as a constant of a module."""
    with nats_server(tmp_path) as nats:
        async with connect(nats, source="perdure/test", within=5) as bus:
            await provision(bus.js, "test")
        storage = connecting(nats)
        objects = [b"x", b"y"]

        async def put() -> None:
            stored = client(environment, plugins=[storage]).data_converter
            await asyncio.gather(*(stored.encode([f"{data!r}{LARGE}"]) for data in objects))

        for _ in range(3):
            await asyncio.to_thread(asyncio.run, put())

"""Agents on real servers: a model over HTTP, MCP servers as processes, and killed workers."""

import asyncio
import json
import shutil
import sqlite3
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from perdure.bus import RawMessage
from perdure.contracts import Progress, to_token
from perdure.local import kept_program
from tests.support.llm_peer import LlmPeer, llm_peer
from tests.support.secret_file import write_secret
from tests.support.suite import World, gaps

OpenWorld = Callable[..., AbstractAsyncContextManager[World]]

HERE = Path(__file__).parents[1] / "support"
KEY = "sk-nobody-may-read-this-0123456789"
TOKEN = "nor-may-anybody-read-this-9876543210"  # noqa: S105 (not a real token)

MANY = 20  # runs
SERVERS = 3


@pytest.fixture(autouse=True)
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEDGER_TOKEN", TOKEN)


def configuration(folder: Path, peer: LlmPeer, *servers: str) -> dict[str, Any]:
    """Return settings of one workflow, one provider with a key file, and these servers, which share one database."""
    shutil.copy(HERE / "agency.py", folder)
    write_secret(folder / "key", KEY)
    ledger = str(HERE / "ledger_server.py")
    return {
        "workflows": ["agency"],
        "routes": [{"on": "work.booked", "start": "Booking"}],
        "llm": {
            "model": "local:any",
            "providers": {
                "local": {
                    "compatible": True,
                    "base_url": f"{peer.url}/v1",
                    "api_key_file": str(folder / "key"),
                }
            },
        },
        "mcp": {
            "servers": {
                name: {
                    "command": sys.executable,
                    "args": [ledger, name, str(folder / "books")],
                    "env_from": ["LEDGER_TOKEN"],
                }
                for name in servers
            }
        },
    }


def booked(folder: Path, table: str) -> Counter[str]:
    """Count the rows of a table by item."""
    with closing(sqlite3.connect(folder / "books")) as books:
        try:
            return Counter(item for (item,) in books.execute(f"SELECT item FROM {table}"))  # noqa: S608 (constant names)
        except sqlite3.OperationalError:  # no server has created the tables yet
            return Counter()


async def written(folder: Path, table: str, item: str) -> None:
    async with asyncio.timeout(30):
        while not booked(folder, table)[item]:
            await asyncio.sleep(0.05)


async def noted(here: World, run: str) -> dict[str, list[Progress]]:
    """Wait for a note of a run, because a call may end before its notes are stored; return all facts by run."""
    async with asyncio.timeout(30):
        async for message in here.bus.subscribe(f"progress.*.{to_token(run)}", replay=True):
            if json.loads(message.raw.body)["kind"] == "note":
                break
    return await here.facts()


def completed(facts: list[Progress]) -> Progress:
    """Return the fact that the run completed; a late note of its last call may follow it."""
    return next(fact for fact in facts if fact.kind == "completed")


async def publish(here: World, name: str, **data: Any) -> None:
    await here.publish("work.booked", json.dumps({"item": name, **data}).encode(), Nats_Msg_Id=name)


async def test_each_effect_happens_once_though_a_worker_is_killed_during_a_request_a_call_and_a_wait(
    world: OpenWorld, tmp_path: Path
) -> None:
    async with llm_peer() as peer, world(**configuration(tmp_path, peer, "ledger")) as here:
        peer.plan = ["slow_headers", 500]  # the proxy's page repeats the key
        peer.slow = 60
        await publish(here, "asking", server="ledger")
        async with asyncio.timeout(30):
            while not peer.requests:
                await asyncio.sleep(0.05)
        await publish(here, "waiting", server="ledger", waits=True)
        await written(tmp_path, "effects", "waiting")
        await publish(here, "calling", server="ledger", seconds=3)
        await written(tmp_path, "calls", "calling")
        here.suite.supervisor.kill("orchestrator")
        await here.bus.publish_raw(signal_to("Booking~waiting", "go"))
        await here.completed(3)
        facts = await noted(here, "Booking~calling")
        state = here.settings.state

    assert booked(tmp_path, "effects") == {"asking": 2, "calling": 2, "waiting": 2}
    assert booked(tmp_path, "calls")["calling"] == 3  # the interrupted call was repeated with the same key
    for run, published in facts.items():
        assert gaps(published) == set(), run
        assert completed(published).result == ["hello", *["ledger booked " + run.removeprefix("Booking~")] * 2]
    assert KEY in str(peer.requests[0]["headers"])
    notes = {str(fact.result) for fact in facts["Booking~calling"] if fact.kind == "note"}
    assert {note for note in notes if "still starting" not in note} == {"*** (0)"}  # a busy machine starts it slowly
    kept = {file: file.read_bytes() for file in state.rglob("*") if file.is_file()}
    assert [file for file, content in kept.items() if KEY.encode() in content or TOKEN.encode() in content] == []


async def test_many_runs_on_two_workers_reach_their_own_servers_though_one_worker_is_killed(
    world: OpenWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        kept_program, "_FIRST_BACKOFF", 600
    )  # the killed worker is not restarted: the other one takes over
    servers = [f"ledger{number}" for number in range(SERVERS)]
    async with (
        llm_peer() as peer,
        world(**configuration(tmp_path, peer, *servers), replicas={"orchestrator": 2}) as here,
    ):
        for number in range(MANY):
            await publish(here, f"item{number}", server=servers[number % SERVERS])
        await steps_completed(here, MANY // 2)
        here.suite.supervisor.kill("orchestrator")  # between two steps of some run
        facts = await here.completed(MANY, within=120)
        assert here.suite.supervisor.restarts("orchestrator") == 0

    for number in range(MANY):
        booking = f"ledger{number % SERVERS} booked item{number}"
        ending = completed(facts[f"Booking~item{number}"])
        assert ending.result == ["hello", booking, booking]
        assert ending.usage is not None
        used = ending.usage.total
        assert (used.requests, used.tokens, ending.usage.tool_calls) == (1, 14, 2)
        assert (ending.usage.agents, ending.usage.models) == ({"clerk": used}, {"any": used})
    assert set(booked(tmp_path, "effects").values()) == {2}


async def test_the_providers_retry_after_overrides_the_retry_policy(world: OpenWorld, tmp_path: Path) -> None:
    policy = timedelta(seconds=40)
    async with llm_peer() as peer:
        settings = configuration(tmp_path, peer, "ledger")
        settings["llm"]["retry"] = {"initial_interval": policy.total_seconds()}
        peer.plan, peer.retry_after = ["rate_limit_wait"], "1"
        async with world(**settings) as here:
            await publish(here, "hat", server="ledger")
            published = (await here.completed(1))["Booking~hat"]

    (refused,) = [fact for fact in published if "429" in (fact.error or "")]
    (again,) = [fact for fact in published if fact.kind == "step_started" and fact.attempt == refused.attempt + 1]
    assert timedelta(seconds=1) <= again.at - refused.at < policy


async def steps_completed(here: World, count: int) -> None:
    async with asyncio.timeout(60):
        async for message in here.bus.subscribe("progress.>", replay=True):
            count -= json.loads(message.raw.body)["kind"] == "step_completed"
            if count == 0:
                return


def signal_to(run: str, name: str) -> RawMessage:
    return RawMessage(f"signals.{to_token(run)}.{name}", b"", {})

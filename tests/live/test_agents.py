"""Agents on real servers: a model over HTTP, MCP servers as processes, and workers that are killed."""

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

from perdure.bus import Wire
from perdure.contracts import to_token
from tests.live.world import World, gaps
from tests.llm_peer import LlmPeer, llm_peer

OpenWorld = Callable[..., AbstractAsyncContextManager[World]]

HERE = Path(__file__).parent
KEY = "sk-nobody-may-read-this-0123456789"


def configuration(folder: Path, peer: LlmPeer, *servers: str) -> dict[str, Any]:
    """One workflow, one provider whose key lies in a file, and these servers, which share their books."""
    shutil.copy(HERE / "agency.py", folder)
    (folder / "key").write_text(KEY)
    ledger = str(HERE / "ledger_server.py")
    return {
        "workflows": ["agency"],
        "routes": [{"on": "work.booked", "start": "Booking"}],
        "llm": {
            "model": "house:any",
            "providers": {
                "house": {
                    "compatible": True,
                    "base_url": f"{peer.url}/v1",
                    "api_key_file": str(folder / "key"),
                }
            },
        },
        "mcp": {
            "servers": {
                name: {"command": sys.executable, "args": [ledger, name, str(folder / "books")]} for name in servers
            }
        },
    }


def booked(folder: Path, table: str) -> Counter[str]:
    """Count the rows of the books by item."""
    with closing(sqlite3.connect(folder / "books")) as books:
        try:
            return Counter(item for (item,) in books.execute(f"SELECT item FROM {table}"))  # noqa: S608 (ours)
        except sqlite3.OperationalError:  # no server has opened them yet
            return Counter()


async def publish(here: World, name: str, **data: Any) -> None:
    await here.publish("work.booked", json.dumps({"item": name, **data}).encode(), Nats_Msg_Id=name)


async def test_a_worker_is_killed_within_a_request_a_call_and_a_wait_and_each_effect_is_there_once(
    world: OpenWorld, tmp_path: Path
) -> None:
    async with llm_peer() as peer, world(**configuration(tmp_path, peer, "ledger")) as here:
        peer.plan = ["slow_headers"]
        peer.slow = 60
        await publish(here, "asking", server="ledger")
        async with asyncio.timeout(30):
            while not peer.asked:
                await asyncio.sleep(0.05)
        await publish(here, "calling", server="ledger", seconds=3)
        await publish(here, "waiting", server="ledger", waits=True)
        async with asyncio.timeout(30):
            while not (booked(tmp_path, "calls")["calling"] and booked(tmp_path, "effects")["waiting"]):
                await asyncio.sleep(0.05)
        here.suite.supervisor.kill("orchestrator")
        await here.bus.publish(signal_to("Booking-waiting", "go"))
        facts = await here.completed(3)
        state = here.settings.state

    assert booked(tmp_path, "effects") == {"asking": 2, "calling": 2, "waiting": 2}
    assert booked(tmp_path, "calls")["calling"] == 3  # the one in flight was made again, under the same key
    for run, story in facts.items():
        assert gaps(story) == set(), run
        assert story[-1].result == ["hello", *["ledger booked " + run.removeprefix("Booking-")] * 2]
    assert KEY in str(peer.asked[0]["headers"])
    assert [str(file) for file in state.rglob("*") if file.is_file() and KEY.encode() in file.read_bytes()] == []


async def test_fifty_runs_with_agents_of_one_name_on_two_cold_workers_reach_their_own_servers(
    world: OpenWorld, tmp_path: Path
) -> None:
    servers = [f"ledger{number}" for number in range(5)]
    async with (
        llm_peer() as peer,
        world(**configuration(tmp_path, peer, *servers), replicas={"orchestrator": 2}) as here,
    ):
        for number in range(50):
            await publish(here, f"item{number}", server=servers[number % 5])
        facts = await here.completed(50, within=120)

    for number in range(50):
        words = f"ledger{number % 5} booked item{number}"
        ending = facts[f"Booking-item{number}"][-1]
        assert ending.result == ["hello", words, words]
        assert ending.usage is not None
        used = ending.usage.total
        assert (used.requests, used.tokens, ending.usage.tool_calls) == (1, 14, 2)
        assert (ending.usage.agents, ending.usage.models) == ({"clerk": used}, {"any": used})
    assert set(booked(tmp_path, "effects").values()) == {2}


async def test_a_provider_is_asked_again_when_it_says_and_not_when_the_policy_does(
    world: OpenWorld, tmp_path: Path
) -> None:
    policy = timedelta(seconds=40)
    async with llm_peer() as peer:
        settings = configuration(tmp_path, peer, "ledger")
        settings["llm"]["retry"] = {"initial_interval": policy.total_seconds()}
        peer.plan, peer.wait = ["rate_limit_wait"], "1"
        async with world(**settings) as here:
            await publish(here, "hat", server="ledger")
            story = (await here.completed(1))["Booking-hat"]

    (refused,) = [fact for fact in story if "429" in (fact.error or "")]
    (again,) = [fact for fact in story if fact.kind == "step_started" and fact.attempt == refused.attempt + 1]
    assert timedelta(seconds=1) <= again.at - refused.at < policy


def signal_to(run: str, name: str) -> Wire:
    return Wire(f"signals.{to_token(run)}.{name}", b"", {})

"""Many conversations at once while servers crash, hang, flood and lie, the provider fails, and workers are killed."""

import json
import os
import shutil
import sqlite3
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, closing
from pathlib import Path
from typing import Any, Final

import pytest

from perdure.contracts import ENDINGS, Progress
from tests.support.hostile_agency import SERVERS
from tests.support.hostile_provider import HostileProvider, tools_of
from tests.support.http_peer import http_peer
from tests.support.plain_words import CODE
from tests.support.secret_file import write_secret
from tests.support.suite import World, gaps

OpenWorld = Callable[..., AbstractAsyncContextManager[World]]

SUPPORT: Final = Path(__file__).parents[1] / "support"
CONVERSATIONS: Final = int(os.environ.get("CONVERSATIONS", "24"))
ERRORS: Final = {"length": "cut off", "empty": "empty", "refused": "this is no valid request", "filtered": "filter"}

pytestmark = pytest.mark.timeout(180 + 4 * CONVERSATIONS)


def configuration(folder: Path, url: str) -> dict[str, Any]:
    shutil.copy(SUPPORT / "hostile_agency.py", folder)
    write_secret(folder / "key", "sk-0123456789")
    house = {"compatible": True, "base_url": f"{url}/v1", "api_key_file": str(folder / "key")}
    server = {"command": sys.executable, "call_timeout": "5s"}
    script = str(SUPPORT / "hostile_server.py")
    return {
        "workflows": ["hostile_agency"],
        "routes": [{"on": "work.talked", "start": "Conversation"}],
        "llm": {
            "model": "house:m",
            "providers": {"house": house},
            "request_timeout": "20s",
            "retry": {"initial_interval": 0.2},
        },
        "mcp": {"servers": {kind: {**server, "args": [script, kind, str(folder / "books")]} for kind in SERVERS}},
    }


async def test_every_conversation_ends_with_a_reason_and_each_effect_happens_once(
    world: OpenWorld, tmp_path: Path
) -> None:
    provider = HostileProvider()
    with http_peer(provider.answer) as url:
        async with world(**configuration(tmp_path, url), replicas={"orchestrator": 2}) as here:
            for number in range(CONVERSATIONS):
                await here.publish("work.talked", json.dumps({"number": number}).encode(), Nats_Msg_Id=f"c{number}")
            for part, process in ((4, "orchestrator"), (2, "orchestrator-2")):
                await answered(here, 3 * CONVERSATIONS // part)
                here.suite.supervisor.kill(process)
            facts = await here.ended(CONVERSATIONS, within=150 + 4 * CONVERSATIONS)

    endings = {run: next(fact for fact in reversed(found) if fact.kind in ENDINGS) for run, found in facts.items()}
    assert {number: outcome(endings[f"Conversation~c{number}"]) for number in range(CONVERSATIONS)} == {
        number: outcome_of(provider.final[number], number) for number in range(CONVERSATIONS)
    }
    assert not {run: missing for run, found in facts.items() if (missing := gaps(found))}
    errors = [fact.error for found in facts.values() for fact in found if fact.error]
    assert not [error for error in errors if any(word in error for word in CODE)]
    wanted = Counter(
        (f"{number}-{turn}", tool.removeprefix("book_"))
        for number in range(CONVERSATIONS)
        for turn, tool in enumerate(tools_of(number))
    )
    assert effects(tmp_path / "books") == wanted


def outcome(ending: Progress) -> tuple[str, str]:
    """Return the kind of an ending, and its result or the part of its error that a test knows."""
    if ending.kind == "completed":
        return "completed", str(ending.result)
    known = (text for text in ERRORS.values() if text in (ending.error or ""))
    return "failed", next(known, ending.error or "")


def outcome_of(final: str, number: int) -> tuple[str, str]:
    """Return the outcome of a conversation whose last answer is so."""
    return ("completed", f"Booked all of conversation {number}.") if final == "good" else ("failed", ERRORS[final])


def effects(books: Path) -> Counter[tuple[str, str]]:
    """Count what the servers have booked."""
    with closing(sqlite3.connect(books)) as connection:
        return Counter(connection.execute("SELECT item, server FROM effects").fetchall())


async def answered(here: World, count: int) -> None:
    """Wait until so many steps have completed."""
    async for message in here.bus.subscribe("progress.>", replay=True):
        count -= json.loads(message.raw.body)["kind"] == "step_completed"
        if count <= 0:
            return

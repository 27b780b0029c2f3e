"""The chaos kit as its user meets it, and a verifier that is lied to."""

import json
import os
import signal
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

from perdure.chaos.routes import MOST_OPEN
from perdure.config.settings import TemporalSettings
from perdure.connections.temporal import open_client
from tests.support.binaries import binary
from tests.support.command_line import perdure, perdure_of
from tests.support.suite import World, left_behind

OpenWorld = Callable[..., AbstractAsyncContextManager[World]]

FAULTS = ("kill", "stall", "partition", "delay")


def chaos(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [binary("perdure"), "admin", "chaos", *arguments],
        cwd=folder,
        env={**os.environ, "TMPDIR": str(folder)},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def test_whatever_strikes_every_event_has_exactly_one_outcome(tmp_path: Path) -> None:
    options = ("--replicas", "ingest=2,orchestrator=2", "--faults", ",".join(FAULTS), "--strikes", "7")
    done = chaos(tmp_path, "--events", "60", "--every", "1s", "--seed", "43", "--json", *options)

    assert done.returncode == 0, done.stdout + done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines()]
    struck, healed = ([line["fault"] for line in told if line.get("event") == it] for it in ("struck", "healed"))
    assert (len(struck), set(struck)) == (7, set(FAULTS))
    assert healed == struck
    checks = {line["check"]: line for line in told if "check" in line}
    assert all(check["violated"] == 0 for check in checks.values())
    assert checks["outcome"]["of"] >= 60 + MOST_OPEN, "at the end every place of the limited route is taken once more"
    assert 30 < checks["ending"]["of"] < 60, "some are bad on purpose, and some share a run"
    assert checks["decision"]["of"] > 0
    assert checks["process"]["of"] == 8
    assert list(tmp_path.glob("perdure-chaos-*")) == []
    assert left_behind(tmp_path) == []


def test_ctrl_c_leaves_nothing_behind(tmp_path: Path) -> None:
    with subprocess.Popen(
        [binary("perdure"), "admin", "chaos", "--json", "--every", "500ms"],
        cwd=tmp_path,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stdout is not None
        for line in running.stdout:
            if json.loads(line)["event"] == "struck":
                break
        running.send_signal(signal.SIGINT)
        running.stdout.read()

    assert running.returncode == 130
    assert list(tmp_path.glob("perdure-chaos-*")) == []
    assert left_behind(tmp_path) == []


async def verify(here: World, *arguments: str) -> tuple[int, list[dict[str, Any]]]:
    """Run it on the suite; returns the exit code and what was violated."""
    answer = await perdure_of(here.settings.state, "admin", "check", "--json", *arguments)
    told = [json.loads(line) for line in answer.stdout.splitlines()]
    assert told, answer.stderr
    return answer.returncode, [line for line in told if "violation" in line]


async def test_the_verifier_finds_what_was_taken_away_and_what_was_added(world: OpenWorld, tmp_path: Path) -> None:
    async with world() as here:
        for number in range(3):
            await here.publish("work.quick", b"{}", Nats_Msg_Id=f"e{number}")
        await here.publish("work.unknown", b"{}", Nats_Msg_Id="nobody's")
        await here.completed(3)
        honest = await verify(here, "--within", "60s")

        taken = [heard.sequence async for heard in here.bus.read("progress.Quick.Quick=7Ee1")][1]
        await here.bus.delete("PROGRESS", taken)
        with sqlite3.connect(here.settings.state / "audit" / "audit.db") as store:
            store.execute("DELETE FROM records WHERE stream = 'EVENTS' AND sequence = 2")
            store.execute("UPDATE records SET body = 'forged' WHERE stream = 'COMMANDS' AND sequence = 1")
        store.close()
        await start_once_more(here, "e2")
        (tmp_path / "events").write_text('{"id": "lost", "type": "work.quick"}\n')
        lied_to = await verify(here, "--within", "1s")
        lost = await verify(here, "--within", "1s", "--events", str(tmp_path / "events"))

    assert honest == (0, [])
    assert lied_to[0] == lost[0] == 1
    found = {(it["violation"], it["id"]) for it in lied_to[1]}
    assert found >= {("progress", "Quick~e1"), ("audit", "EVENTS.2"), ("audit", "COMMANDS.1"), ("outcome", "e2")}
    assert {("published", "lost"), ("outcome", "lost")} < {(it["violation"], it["id"]) for it in lost[1]}


async def start_once_more(here: World, event_id: str) -> None:
    host, _, port = here.suite.endpoints.temporal.rpartition(":")
    client = await open_client(TemporalSettings(host=host, port=int(port)))
    again = await client.start_workflow(
        "Quick", {}, id="another", task_queue="perdure", memo={"perdure_event_id": event_id}
    )
    await again.result()


def test_a_wrong_call_of_the_verifier_ends_with_2(tmp_path: Path) -> None:
    for arguments in (["--events", "nowhere"], ["--within", "soon"]):
        answer = perdure(tmp_path, "admin", "check", *arguments, environment={"PERDURE_STATE": str(tmp_path)})
        assert (answer.returncode, answer.stdout) == (2, ""), arguments

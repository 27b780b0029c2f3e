"""With a key ring, nothing that a run handles lies in plain text in NATS, in Temporal, in logs or in spans."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import httpx2
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHistory

from perdure.bus import RawMessage, decode
from perdure.config.settings import TemporalSettings
from perdure.connections.temporal import open_client
from perdure.contracts import Progress, ValuesDecrypted
from perdure.encryption import new_key_line
from perdure.testing import replay
from tests.support.command_line import perdure_of
from tests.support.eventually import eventually
from tests.support.florist import Florist, planted
from tests.support.ports import free_port
from tests.support.secret_file import write_secret
from tests.support.suite import World

OpenWorld = Callable[..., AbstractAsyncContextManager[World]]

FLORIST = Path(__file__).parents[1] / "support" / "florist.py"
ROUTES = [{"on": "bulbs.ordered", "start": "Florist"}]
ORIGIN = "http://localhost:8233"
RUNS = 20
TOKEN = "t0ken-of-ada-4711-4711"  # noqa: S105 (made up)


def with_keys(world: OpenWorld, folder: Path) -> AbstractAsyncContextManager[World]:
    """Return a suite with a key ring, and the florist's workflows."""
    (folder / "florist.py").write_text(FLORIST.read_text())
    write_secret(folder / "keys", new_key_line("april"))
    return world(
        routes=ROUTES, workflows=["florist"], encryption={"keys_file": str(folder / "keys")}, execution_engine="local"
    )


async def test_nothing_lies_in_plain_text_while_keys_rotate_and_processes_die(world: OpenWorld, tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    async with with_keys(world, tmp_path) as live:
        await live.publish("bulbs.ordered", b'{"fails": true}', Nats_Msg_Id="failing")
        for number in range(RUNS):
            await live.publish("bulbs.ordered", b"{}", Nats_Msg_Id=f"b{number}")
            if number == RUNS // 3:
                await eventually(lambda: some_ran(live), within=60)
                keys.write_text(new_key_line("may") + keys.read_text())
            if number == 2 * RUNS // 3:
                live.suite.supervisor.kill("orchestrator")
        facts = await live.ended(RUNS + 1, within=180)
        result = await perdure_of(live.settings.state, "runs", "result", "Florist~b1")
        failed = await perdure_of(live.settings.state, "runs", "result", "Florist~failing")
        shown = await perdure_of(live.settings.state, "runs", "show", "Florist~b1")
        exported = await perdure_of(live.settings.state, "runs", "history", "Florist~b1", "--whole")
        executed = live.executions()
        temporal = await client(live)
        used = await keys_in(temporal, [f"Florist~b{number}" for number in range(RUNS)])

    assert {facts[f"Florist~b{number}"][-1].kind for number in range(RUNS)} == {"completed"}
    assert {len(set(steps)) for steps in executed.values()} == {1}
    assert used == {"april", "may"}
    assert json.loads(result.stdout) == planted() * 1000
    assert f"{planted()} has withered" in failed.stderr
    assert f"delivered {planted()}" in shown.stdout
    found = [file for file in live.settings.state.rglob("*") if file.is_file() and planted().encode() in content(file)]
    assert found == []
    assert not any(planted() in fact.model_dump_json() for of_run in facts.values() for fact in of_run)
    history = WorkflowHistory.from_json("Florist~b1", exported.stdout)
    await replay(history, Florist)


async def test_with_the_wrong_key_nothing_fails_and_all_goes_on_with_the_right_one(
    world: OpenWorld, tmp_path: Path
) -> None:
    keys = tmp_path / "keys"
    right = ""
    async with with_keys(world, tmp_path) as live:
        right = keys.read_text()
        await live.publish("bulbs.ordered", b'{"waits": true}', Nats_Msg_Id="w1")
        await eventually(lambda: note_of(live, "Florist~w1"), within=60)
        keys.write_text(new_key_line("other"))
        live.suite.supervisor.kill("orchestrator")
        await live.suite.supervisor.ready("orchestrator")
        await live.bus.publish_raw(RawMessage("signals.Florist~w1.close", b"", {}))
        shown = await eventually(lambda: sentence(live, "Florist~w1"), within=60)
        temporal = await client(live)
        status = (await temporal.get_workflow_handle("Florist~w1").describe()).status
        keys.write_text(keys.read_text() + right)
        facts = await live.ended(1)

    assert "A value is encrypted with the key april, which the key ring has not (it has other)" in shown
    assert status is WorkflowExecutionStatus.RUNNING
    assert facts["Florist~w1"][-1].kind == "completed"


async def test_the_codec_endpoint_decrypts_after_a_login_and_audit_records_each_look(
    world: OpenWorld, tmp_path: Path
) -> None:
    write_secret(tmp_path / "tokens", f"ada {TOKEN}\n")
    async with with_keys(world, tmp_path) as live:
        await live.publish("bulbs.ordered", b"{}", Nats_Msg_Id="c1")
        await live.ended(1)
        temporal = await client(live)
        history = json.loads((await temporal.get_workflow_handle("Florist~c1").fetch_history()).to_json())
        small = history["events"][0]["workflowExecutionStartedEventAttributes"]["input"]
        large = history["events"][-1]["workflowExecutionCompletedEventAttributes"]["result"]
        async with codec_server(live, tmp_path / "tokens") as address, httpx2.AsyncClient(base_url=address) as browser:
            stranger = await browser.post("/decode", json=small)
            unwanted = await browser.post("/login", data={"token": "x" * 20})
            await browser.post("/login", data={"token": TOKEN})
            preflight = await browser.options("/decode", headers=asking(ORIGIN))
            elsewhere = await browser.options("/decode", headers=asking("http://elsewhere"))
            headers = {"origin": ORIGIN, "x-namespace": "default"}
            opened = await browser.post("/decode", json=small, headers=headers)
            whole = await browser.post("/decode", json=large, headers=headers)
            refused = await browser.post("/encode", json=small, headers=headers)
        acts = [decode(message.raw) async for message in live.bus.read("admin.decryption.>")]
        recorded = await eventually(lambda: audited(live), within=30)
        checked = await perdure_of(live.settings.state, "admin", "check")

    assert (stranger.status_code, unwanted.status_code) == (401, 401)
    assert preflight.headers["access-control-allow-origin"] == ORIGIN
    assert preflight.headers["access-control-allow-credentials"] == "true"
    assert "access-control-allow-origin" not in elsewhere.headers
    assert opened.headers["access-control-allow-origin"] == ORIGIN
    assert opened.json() == {"payloads": [{"metadata": {"encoding": "anNvbi9wbGFpbg=="}, "data": "e30="}]}
    assert len(whole.json()["payloads"][0]["data"]) > len(planted()) * 1000
    assert (refused.status_code, "does not say for which run" in refused.json()["message"]) == (400, True)
    assert all(isinstance(act, ValuesDecrypted) for act in acts)
    assert next((act.by, act.workflow_id) for act in acts if isinstance(act, ValuesDecrypted)) == ("ada", "Florist~c1")
    assert "ada: decrypted 1 values of Florist~c1" in recorded
    assert checked.returncode == 0, checked.stdout + checked.stderr


def asking(origin: str) -> dict[str, str]:
    """Return the headers by which a browser asks before it sends a request of Temporal's UI."""
    return {
        "origin": origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type,x-namespace",
    }


@asynccontextmanager
async def codec_server(live: World, tokens: Path) -> AsyncIterator[str]:
    """Run ``perdure admin encryption serve``'s program."""
    port = free_port()
    environment = {**os.environ, "PERDURE_STATE": str(live.settings.state)}
    environment["PERDURE_CONFIG"] = str(live.folder / "perdure.yaml")
    command = ["-m", "perdure.codec_server", f"--tokens={tokens}", f"--port={port}", f"--origin={ORIGIN}"]
    server = await asyncio.create_subprocess_exec(
        sys.executable, *command, env=environment, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert server.stdout is not None
        assert b"Log in at" in await server.stdout.readline()
        address = f"http://127.0.0.1:{port}"
        await eventually(lambda: answers(address))
        yield address
    finally:
        server.terminate()
        await server.wait()


async def answers(address: str) -> bool:
    """Return whether a server listens."""
    try:
        async with httpx2.AsyncClient() as http:
            return (await http.get(f"{address}/login")).status_code == 200
    except httpx2.TransportError:
        return False


async def audited(live: World) -> str | None:
    """Return what audit has recorded of ADMIN, if it knows a decryption."""
    printed = await perdure_of(live.settings.state, "audit", "tail")
    return printed.stdout if "decrypted" in printed.stdout else None


async def some_ran(live: World) -> bool:
    """Return whether a step has run."""
    return live.log.exists() and bool(live.executions())


async def note_of(live: World, run: str) -> bool:
    """Return whether a run has published its note."""
    return any(fact.kind == "note" for fact in (await live.facts())[run] if isinstance(fact, Progress))


async def sentence(live: World, run: str) -> str | None:
    """Return what ``runs show`` prints of a run, once it says what is wrong."""
    printed = await perdure_of(live.settings.state, "runs", "show", run)
    return printed.stdout + printed.stderr if "is encrypted with the key" in printed.stdout + printed.stderr else None


async def client(live: World) -> Client:
    """Connect without any key."""
    host, _, port = live.suite.endpoints.temporal.rpartition(":")
    return await open_client(TemporalSettings(host=host, port=int(port)))


async def keys_in(temporal: Client, runs: list[str]) -> set[str]:
    """Return the ids of the keys by which the inputs of runs are encrypted."""
    found = set[str]()
    for run in runs:
        first = (await temporal.get_workflow_handle(run).fetch_history()).events[0]
        (payload,) = first.workflow_execution_started_event_attributes.input.payloads
        found.add(payload.metadata["encryption-key-id"].decode())
    return found


def content(file: Path) -> bytes:
    """Return the content of a file, which may vanish meanwhile."""
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return b""

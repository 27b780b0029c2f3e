"""With a key ring, each command that reads Temporal or acts on it works as without one."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from subprocess import CompletedProcess

from perdure.encryption import new_key_line
from perdure.values.rollout import RolloutRefused, RolloutRequest
from tests.support.command_line import perdure, perdure_of, printed
from tests.support.eventually import eventually
from tests.support.florist import planted
from tests.support.secret_file import write_secret
from tests.support.suite import World

OpenWorld = Callable[..., AbstractAsyncContextManager[World]]

FLORIST = Path(__file__).parents[1] / "support" / "florist.py"
ROUTES = [{"on": "bulbs.ordered", "start": "Florist"}]
OPEN, DONE, FAILED = (f"Florist~{name}" for name in ("open", "done", "failed"))
DATA = {"open": b'{"waits": true}', "done": b"{}", "failed": b'{"fails": true}'}
SHOWS_CONTENT = (
    ("runs", "show", OPEN),
    ("runs", "watch", DONE, "--from-start"),
    ("runs", "result", DONE),
    ("runs", "result", FAILED),
    ("runs", "query", OPEN, "stock"),
    ("runs", "update", OPEN, "restock", '"now"'),
    ("runs", "history", OPEN),
    ("runs", "history", DONE, "--whole"),
)
WORKS = (
    ("runs", "list"),
    ("runs", "list", "--where", 'PerdureRoute = "Florist"'),
    ("runs", "list", "--state", "stuck"),
    ("runs", "trace", DONE),
    ("explain", OPEN),
    ("explain", FAILED),
    ("routes", "list"),
    ("versions", "list"),
    ("admin", "check"),
    ("admin", "temporal", "provision"),
)


@asynccontextmanager
async def florists(world: OpenWorld, folder: Path) -> AsyncIterator[World]:
    """Open a suite with a key ring, and with an open run, a completed and a failed one."""
    (folder / "florist.py").write_text(FLORIST.read_text())
    keys = write_secret(folder / "keys", new_key_line("april"))
    settings = {"encryption": {"keys_file": str(keys)}, "execution_engine": "local"}
    async with world(routes=ROUTES, workflows=["florist"], **settings) as live:
        for name, body in DATA.items():
            await live.publish("bulbs.ordered", body, Nats_Msg_Id=name)
        await live.stories(DONE, FAILED)
        await eventually(lambda: waits(live))
        yield live


async def test_commands_that_read_temporal_read_encrypted_runs(world: OpenWorld, tmp_path: Path) -> None:
    async with florists(world, tmp_path) as live:
        state = live.settings.state
        shown, worked = await printed_by(state, SHOWS_CONTENT), await printed_by(state, WORKS)

    assert {command: text(done) for command, done in shown.items() if planted() not in text(done)} == {}
    assert {command: text(done) for command, done in worked.items() if done.returncode != 0} == {}


async def test_encrypted_runs_are_repeated_and_moved_to_new_code(world: OpenWorld, tmp_path: Path) -> None:
    async with florists(world, tmp_path) as live:
        state = live.settings.state
        (rerun,) = printed(await perdure_of(state, "runs", "rerun", DONE, "--reason", "anew", "--json"))
        (retried,) = printed(await perdure_of(state, "runs", "retry", FAILED, "--reason", "again", "--json"))
        (live.folder / "florist.py").write_text(f"{FLORIST.read_text()}\n# another version\n")
        gate = await live.roll_out(RolloutRequest(dry_run=True))
        moved = await live.roll_out(RolloutRequest())
        versions = printed(await perdure_of(state, "versions", "list", "--json"))
        signalled = await perdure_of(state, "runs", "signal", OPEN, "close", "null")
        facts = await live.stories(OPEN, rerun["became"], within=90)

    assert [it for it in (*gate, *moved) if isinstance(it, RolloutRefused)] == []
    assert retried["outcome"] == "done"
    assert signalled.returncode == 0, text(signalled)
    assert {run: story[-1].kind for run, story in facts.items()} == {OPEN: "completed", rerun["became"]: "completed"}
    assert {it["state"] for it in versions if it["open_runs"]} == {"current"}


async def test_encrypted_histories_replay_from_temporal_and_from_files(world: OpenWorld, tmp_path: Path) -> None:
    async with florists(world, tmp_path) as live:
        exported = await perdure_of(live.settings.state, "runs", "history", OPEN)
        histories = write_history(tmp_path / "histories", exported)
        sources = (("--since", "1h", "--json"), (str(histories), "--json"))
        here = {"PERDURE_STATE": str(live.settings.state)}
        replayed = [
            await asyncio.to_thread(perdure, live.folder, "replay", *source, environment=here) for source in sources
        ]

    assert [(it.returncode, it.stderr) for it in replayed if it.returncode != 0] == []
    runs = [{line["run"] for line in printed(it) if "run" in line} for it in replayed]
    assert runs == [{OPEN, DONE, FAILED}, {OPEN}]


async def printed_by(
    state: Path, commands: tuple[tuple[str, ...], ...]
) -> dict[tuple[str, ...], CompletedProcess[str]]:
    """Run commands at once."""
    done = await asyncio.gather(*(perdure_of(state, *command) for command in commands))
    return dict(zip(commands, done, strict=True))


def write_history(folder: Path, history: CompletedProcess[str]) -> Path:
    folder.mkdir()
    (folder / "open.json").write_text(history.stdout)
    assert json.loads(history.stdout)["events"]
    return folder


def text(done: CompletedProcess[str]) -> str:
    return done.stdout + done.stderr


async def waits(live: World) -> bool:
    """Return whether the open run has published its note."""
    return any(fact.kind == "note" for fact in (await live.facts())[OPEN])

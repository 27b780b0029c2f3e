"""With a key ring, each command that reads Temporal or acts on it works as without one."""

import asyncio
import json
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from subprocess import CompletedProcess

from perdure.encryption import new_key_line
from perdure.values.rollout import RolloutRefused, RolloutRequest
from tests.support.command_line import perdure_of, printed
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
    ("replay", "--open"),
    ("replay", "--since", "1h"),
    ("admin", "check"),
    ("admin", "temporal", "provision"),
)


async def test_all_commands_that_read_temporal_read_encrypted_runs(world: OpenWorld, tmp_path: Path) -> None:
    (tmp_path / "florist.py").write_text(FLORIST.read_text())
    keys = write_secret(tmp_path / "keys", new_key_line("april"))
    settings = {"encryption": {"keys_file": str(keys)}, "execution_engine": "local"}
    async with world(routes=ROUTES, workflows=["florist"], **settings) as live:
        state = live.settings.state
        for name, body in DATA.items():
            await live.publish("bulbs.ordered", body, Nats_Msg_Id=name)
        await live.stories(DONE, FAILED)
        await eventually(lambda: waits(live))
        shown, worked = await printed_by(state, SHOWS_CONTENT), await printed_by(state, WORKS)
        for act in ("pause", "resume"):
            acted = await perdure_of(state, "runs", act, OPEN, "--reason", "an incident")
            assert acted.returncode == 0, text(acted)
        (rerun,) = printed(await perdure_of(state, "runs", "rerun", DONE, "--reason", "anew", "--json"))
        (retried,) = printed(await perdure_of(state, "runs", "retry", FAILED, "--reason", "again", "--json"))
        histories = write_history(tmp_path / "histories", shown["runs", "history", OPEN])
        replayed = await perdure_of(state, "replay", str(histories))
        (live.folder / "florist.py").write_text(f"{FLORIST.read_text()}\n# another version\n")
        gate = await live.roll_out(RolloutRequest(dry_run=True))
        moved = await live.roll_out(RolloutRequest())
        versions = printed(await perdure_of(state, "versions", "list", "--json"))
        signalled = await perdure_of(state, "runs", "signal", OPEN, "close", "null")
        facts = await live.stories(OPEN, rerun["became"], within=90)

    assert {command: text(done) for command, done in shown.items() if planted() not in text(done)} == {}
    assert {command: text(done) for command, done in worked.items() if done.returncode != 0} == {}
    assert [it for it in (gate, moved) if any(isinstance(event, RolloutRefused) for event in it)] == []
    assert replayed.returncode == 0, text(replayed)
    assert retried["outcome"] == "done"
    assert signalled.returncode == 0, text(signalled)
    assert {run: story[-1].kind for run, story in facts.items()} == {OPEN: "completed", rerun["became"]: "completed"}
    assert len(versions) == 2, versions


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

"""What lies in plain text where, with a key ring, is exactly what the documentation's table says."""

import json
from base64 import b64encode
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path, PurePath

from perdure.approvers import ApproversFile
from perdure.approvers.enrolment import enrol
from perdure.bus import RawMessage, decode
from perdure.contracts import Alert, ApprovalRequested
from perdure.encryption import new_key_line
from tests.support.command_line import perdure_of
from tests.support.discretion import planted
from tests.support.eventually import eventually
from tests.support.secret_file import write_secret
from tests.support.suite import World

OpenWorld = Callable[..., AbstractAsyncContextManager[World]]

ROOT = Path(__file__).parents[2]
WORKFLOWS = ROOT / "tests" / "support" / "discretion.py"
DOCUMENT = ROOT / "docs" / "encryption.md"
COLUMNS = ("events", "signals", "runs", "alerts", "requests", "votes", "reasons")
TEMPORAL = {"task_timeout_seconds": 3, "signals_wait_seconds": 1}
ROUTES = [
    {"on": "secrets.*", "start": "Discreet"},
    {"on": "secrets.*", "start": "Discreet", "name": "Picky", "when": "data.about == 'another'"},
    {"on": "held.*", "start": "Discreet", "name": "Held", "flow": {"max_open": 1}},
    {"on": "late.*", "start": "Discreet", "name": "Late", "flow": {"debounce": "1h"}},
]


async def test_each_place_holds_in_plain_text_what_the_documentation_says(world: OpenWorld, tmp_path: Path) -> None:
    (tmp_path / "discretion.py").write_text(WORKFLOWS.read_text())
    keys = write_secret(tmp_path / "keys", new_key_line("april"))
    settings = {"encryption": {"keys_file": str(keys)}, "execution_engine": "local", "temporal": TEMPORAL}
    async with world(routes=ROUTES, workflows=["discretion"], **settings) as live:
        await handle_all(live)
        state = live.settings.state

    assert found_in(state) == documented()


async def handle_all(live: World) -> None:
    """Let events, signals, runs, people and operators bring in a text each."""
    state, event = live.settings.state, {"about": planted("events")}
    enrol(ApproversFile(live.settings.approvers_file), live.settings.keys_folder, "ada", roles=["reviewer"])
    for run in ("ok", "fails", "stumbles"):
        await live.publish("secrets.new", json.dumps({**event, run: "yes"}).encode(), Nats_Msg_Id=run)
    for number, type_ in enumerate(("nowhere.new", "held.new", "held.new", "late.new")):
        await live.publish(type_, json.dumps(event).encode(), Nats_Msg_Id=f"e{number}")
    await eventually(lambda: alerted(live, "alert of", runs=4), within=90)
    for run in ("ok", "fails", "stumbles", "nobody"):
        await live.bus.publish_raw(signal(f"Discreet~{run}"))
    await live.bus.publish_raw(RawMessage("decisions.Discreet=7Eok", planted("votes").encode(), {}))  # which is none
    request = await eventually(lambda: requested(live), within=60)
    arguments = ("--as", "ada", "--digest", request.digest, "--comment", planted("votes"))
    approved = await perdure_of(state, "approve", request.request_id, *arguments)
    assert approved.returncode == 0, approved.stderr
    await live.stories("Discreet~ok", "Discreet~fails", within=90)
    await eventually(lambda: alerted(live, "waits for mended code", runs=1), within=60)
    why = ("--reason", planted("reasons"))
    for command in (("runs", "terminate", "Discreet~stumbles", *why, "--yes"), ("routes", "pause", "Late", *why)):
        acted = await perdure_of(state, *command)
        assert acted.returncode == 0, acted.stderr
    for reading in ("doctor",), ("explain", "ok"), ("runs", "show", "ok"), ("admin", "check"):
        await perdure_of(state, *reading)
    await live.dead_letters(3, within=60)
    await eventually(lambda: recorded(live), within=60)


def signal(run: str) -> RawMessage:
    return RawMessage(f"signals.{run.replace('~', '=7E')}.hint", json.dumps(planted("signals")).encode(), {})


async def alerted(live: World, title: str, *, runs: int) -> bool:
    """Return whether so many runs have raised alerts with such a title."""
    found = [decode(it.raw) async for it in live.bus.read("alerts.>")]
    return len({it.workflow_id for it in found if isinstance(it, Alert) and title in it.title}) >= runs


async def requested(live: World) -> ApprovalRequested | None:
    async for message in live.bus.read("approvals.requested.>"):
        found = decode(message.raw)
        assert isinstance(found, ApprovalRequested)
        return found
    return None


async def recorded(live: World) -> bool:
    """Return whether audit has come to the last act."""
    shown = await perdure_of(live.settings.state, "audit", "tail", "--subject", "admin")
    return "paused the route Late" in shown.stdout


def documented() -> dict[str, set[str]]:
    """Return what each place holds, as the table says."""
    rows = [line[1:-1].split("|") for line in DOCUMENT.read_text().splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in row] for row in rows if len(row) == len(COLUMNS) + 1]
    header, _, *body = cells
    assert header[1:] == list(COLUMNS)
    return {
        place: {column for column, cell in zip(COLUMNS, row, strict=True) if cell == "plain"}
        for places, *row in body
        for place in places.split(", ")
    }


def found_in(state: Path) -> dict[str, set[str]]:
    """Return which texts each place holds, also in base64."""
    found = defaultdict[str, set[str]](set)
    for file in state.rglob("*"):
        if file.is_file():
            data = file.read_bytes()
            texts = {column for column in COLUMNS if any(it in data for it in forms(planted(column)))}
            found[place_of(file.relative_to(state))] |= texts
    return dict(found)


def place_of(path: PurePath) -> str:
    """Return what the documentation calls the place of a file in the state folder."""
    match path.parts:
        case ("nats", "jetstream", _, "streams", name, *_):
            return name.replace("KV_", "bucket ").replace("OBJ_", "object store ")
        case (folder, *_) if folder in PLACES:
            return PLACES[folder]
    return "all other files"


PLACES = {"temporal": "Temporal", "audit": "audit record", "logs": "logs", "traces": "spans"}


def forms(text: str) -> Iterator[bytes]:
    """Yield a text as it is, and what of it is the same wherever it stands in base64."""
    plain = text.encode()
    yield plain
    for shift in range(3):
        yield b64encode(b"x" * shift + plain)[4 if shift else 0 : -4]

"""A state folder that 0.1 left when it was killed comes up under this version, and what was open in it goes on.

The folder is made by ``tests/replay/record_state.py`` and never again. However long ago that was: its streams keep what
they have for ever, its requests do not expire, and the timer that was due has been due ever since.
"""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from perdure.contracts import Progress
from perdure.values.run_id import default_run_id
from tests.replay.state_folder import WHO, running, unpack
from tests.support.command_line import perdure, printed
from tests.support.perdure_up import decide

SENT = "a hat is on its way"
PARCEL = '{"item": "a hat"}'
PUBLISHED = {
    ("parcels.described", "one"): "Describing-one",
    ("parcels.packed", "ended"): "Sending-ended",
    ("parcels.packed", "open"): "Sending-open",
    ("parcels.packed", "waiting"): "Sending-waiting",
    ("parcels.arrived", "one"): "Pickup-one",
    ("parcels.delayed", "one"): "Reminder-one",
}
"""The run of each event that 0.1 took, by its type and id."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    unpack("0.1", tmp_path)
    return tmp_path


def test_what_was_open_goes_on_and_what_ended_is_still_known(folder: Path) -> None:
    with running(folder):
        states = known(folder)
        assert states.pop("Reminder-one") in {"started", "completed"}  # it was due: which it is is luck
        assert states == {
            "Describing-one": "completed",
            "Sending-ended": "completed",
            "Sending-open": "waiting",
            "Pickup-one": "started",
        }
        assert [dead["reason"] for dead in printed(perdure(folder, "dlq", "list", "--json"))] == ["bad_data"]
        assert result_of(folder, "Reminder-one") == SENT

        [flow] = printed(perdure(folder, "routes", "waiting", "--json"))
        assert (flow["waiting"], flow["open"]) == (1, ["Sending-open"])
        approve(folder, "Sending-open.1")
        assert result_of(folder, "Sending-open") == SENT
        approve(folder, "Sending-waiting.1")  # it began once there was room
        assert result_of(folder, "Sending-waiting") == SENT

        signalled = perdure(folder, "runs", "signal", "Pickup-one", "collected", '"bob"')
        assert signalled.returncode == 0, signalled.stderr
        assert result_of(folder, "Pickup-one") == "collected by bob"

        for run in ("Sending-ended", "Sending-open", "Sending-waiting", "Pickup-one", "Reminder-one"):
            facts = story(folder, run)
            assert [fact["sequence"] for fact in facts] == list(range(1, len(facts) + 1)), run
            assert facts[-1]["kind"] == "completed"
            assert recorded(folder, run, facts[-1]["sequence"]) == facts
        assert {"APPROVALS", "DECISIONS", "RECEIPTS"} <= streams(folder, "Sending-ended")
        assert {"APPROVALS", "DECISIONS", "RECEIPTS"} <= streams(folder, "Sending-open")

        runs = set(known(folder))
        assert {(type_, id_): run_of(folder, type_, PARCEL, "--id", id_) for type_, id_ in PUBLISHED} == PUBLISHED
        assert set(known(folder)) == runs, "0.1 claimed these events: they start nothing a second time"
        cap = ("parcels.described", '{"item": "a cap"}', "--id", "one", "--source", "/other/shop")
        assert run_of(folder, *cap) == default_run_id("Describing", "one", "/other/shop")


def run_of(folder: Path, *event: str) -> str:
    """Publish an event, wait for its outcome, and return its only run."""
    published = perdure(folder, "publish", *event, "--wait", "--json")
    assert published.returncode == 0, published.stderr
    [run] = json.loads(published.stdout)["runs"]
    return str(run["workflow_id"])


def streams(folder: Path, run: str) -> set[str]:
    """The streams of which the audit has something about a run."""
    records = printed(perdure(folder, "audit", "tail", "-n", "500", "--subject", run, "--json"))
    return {str(record["stream"]) for record in records}


def known(folder: Path) -> dict[str, str]:
    """The newest fact of each run."""
    return {fact["workflow_id"]: fact["kind"] for fact in printed(perdure(folder, "runs", "list", "--json"))}


def result_of(folder: Path, run: str) -> Any:
    found = perdure(folder, "result", run, "--wait")
    assert found.returncode == 0, found.stderr
    return json.loads(found.stdout)


def approve(folder: Path, request: str) -> None:
    """Say yes with the key that lies in the folder, as soon as it is asked."""
    for _ in range(300):
        if request in {it["request_id"] for it in printed(perdure(folder, "approvals", "list", "--json"))}:
            break
        time.sleep(0.1)
    [receipt] = printed(decide(folder, "approve", request, "--as", WHO, "--json"))
    assert receipt["code"] == "accepted"


def story(folder: Path, run: str) -> list[dict[str, Any]]:
    """The facts of a run by their numbers, each once."""
    facts = printed(perdure(folder, "watch", run, "--from-start", "--json"))
    return sorted({fact["sequence"]: fact for fact in facts}.values(), key=lambda fact: int(fact["sequence"]))


def recorded(folder: Path, run: str, last: int) -> list[dict[str, Any]]:
    """The same as the audit has it, once it has all; 0.1 published no fields that are newer."""
    for _ in range(300):
        records = printed(perdure(folder, "audit", "tail", "-n", "500", "--subject", f".{run}", "--json"))
        facts = [Progress.model_validate(it["data"]) for it in records if it["stream"] == "PROGRESS"]
        by_number = {fact.sequence: json.loads(fact.model_dump_json()) for fact in facts}
        if len(by_number) == last:
            break
        time.sleep(0.1)
    return [by_number[number] for number in sorted(by_number)]

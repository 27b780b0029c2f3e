"""EVENTS at its bound, and full disks under NATS, Temporal and the audit: nothing that was acknowledged is lost."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

AS_USER = ("--user", "--map-current-user", "--keep-caps")


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What happened in the play of ``full_disks``."""
    folder = tmp_path_factory.mktemp("full")
    unshare = ["unshare", *(() if os.geteuid() == 0 else AS_USER), "--mount"]
    command = [*unshare, sys.executable, "-m", "tests.support.full_disks", str(folder)]
    played = subprocess.run(
        command, cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=280, check=False
    )
    assert played.returncode == 0, played.stderr
    return dict(json.loads(played.stdout.splitlines()[-1]))


def test_a_full_stream_refuses_and_flows_again_by_itself(story: dict[str, Any]) -> None:
    assert story["refused"] > 0
    assert story["first"] > 1


def test_every_event_that_was_acknowledged_became_one_run(story: dict[str, Any]) -> None:
    assert story["endings"] == [1] * story["acknowledged"]
    assert story["dead_letters"] == 0


def test_doctor_names_each_full_disk_and_nats_which_stores_nothing(story: dict[str, Any]) -> None:
    for part in ("nats", "temporal", "audit"):
        assert "it is full" in story["doctor"][f"disk of {part}"]
    assert "stores and acknowledges nothing" in story["doctor"]["nats store"]


def test_nats_is_started_anew_once_its_disk_has_room_and_all_is_well(story: dict[str, Any]) -> None:
    assert (story["troubled"], story["restarted"]) == (["nats"], ["nats"])
    assert story["healthy"] == {}

"""A temporalio worker written by hand, with Perdure's plugin, runs an agent and an approval and survives a kill."""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from perdure.contracts import ENDINGS
from tests.support.binaries import binary
from tests.support.command_line import perdure, printed
from tests.support.ports import give_ports

EXAMPLE = Path(__file__).parents[2] / "examples" / "own_worker"


@contextmanager
def suite(folder: Path) -> Iterator[None]:
    give_ports(folder / ".perdure")
    up = subprocess.Popen([binary("perdure"), "up", "--json"], cwd=folder, stdout=subprocess.PIPE, text=True)
    try:
        assert up.stdout is not None
        for line in up.stdout:
            if "services" in json.loads(line):
                break
        yield
    finally:
        up.terminate()
        up.wait(40)
        assert up.stdout is not None
        up.stdout.close()


@contextmanager
def worker(folder: Path) -> Iterator[None]:
    process = subprocess.Popen([sys.executable, "worker.py"], cwd=folder, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert "refunds" in process.stdout.readline()
        yield
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def waiting_request(folder: Path) -> dict[str, Any]:
    for _ in range(300):
        if requests := printed(perdure(folder, "approvals", "--json")):
            return dict(requests[0])
        time.sleep(0.1)
    raise AssertionError("no approval was requested")


def test_a_worker_written_by_hand_runs_an_agent_and_an_approval(tmp_path: Path) -> None:
    folder = shutil.copytree(EXAMPLE, tmp_path / "own_worker")
    with suite(folder):
        event = (folder / "event.json").read_text()
        assert perdure(folder, "publish", "refunds.requested", event, "--id", "1").returncode == 0
        with worker(folder):
            request = waiting_request(folder)
        with worker(folder):  # the first one was killed while the run waited
            approved = perdure(folder, "approve", str(request["request_id"]))
            result = perdure(folder, "result", "Refund-1", "--wait")
            facts = printed(perdure(folder, "watch", "Refund-1", "--from-start", "--json"))

    assert "torn at the brim" in request["details"]
    assert approved.returncode == 0, approved.stderr
    assert json.loads(result.stdout) == "30 euro paid back for o-7"
    assert sorted({fact["sequence"] for fact in facts}) == list(range(1, max(fact["sequence"] for fact in facts) + 1))
    assert [fact["kind"] for fact in facts if fact["kind"] in ENDINGS] == ["completed"]
    assert {"clerk: ask", "pay_back"} <= {fact["step"] for fact in facts}

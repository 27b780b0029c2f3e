"""A temporalio worker written by hand, with Perdure's plugin, runs an agent and an approval and survives a kill."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from perdure.contracts import ENDINGS
from tests.support.command_line import perdure, printed
from tests.support.perdure_up import decide, running, waiting_request

EXAMPLE = Path(__file__).parents[2] / "examples" / "own_worker"


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


def test_a_worker_written_by_hand_runs_an_agent_and_an_approval(tmp_path: Path) -> None:
    folder = shutil.copytree(EXAMPLE, tmp_path / "own_worker")
    with running(folder):
        event = (folder / "event.json").read_text()
        assert perdure(folder, "publish", "refunds.requested", event, "--id", "1").returncode == 0
        with worker(folder):
            (request,) = printed(perdure(folder, "approvals", "show", waiting_request(folder), "--json"))
        with worker(folder):  # the first one was killed while the run waited
            approved = decide(folder, "approve", str(request["request_id"]))
            result = perdure(folder, "result", "Refund~1", "--wait")
            facts = printed(perdure(folder, "watch", "Refund~1", "--from-start", "--json"))

    assert "torn at the brim" in request["details"]
    assert approved.returncode == 0, approved.stderr
    assert json.loads(result.stdout) == "30 euro paid back for o-7"
    assert sorted({fact["sequence"] for fact in facts}) == list(range(1, max(fact["sequence"] for fact in facts) + 1))
    assert [fact["kind"] for fact in facts if fact["kind"] in ENDINGS] == ["completed"]
    assert {"clerk: ask", "pay_back"} <= {fact["step"] for fact in facts}


def test_a_worker_without_its_seed_ends_and_says_why(tmp_path: Path) -> None:
    folder = shutil.copytree(EXAMPLE, tmp_path / "own_worker")
    with running(folder):
        seed = folder / ".perdure" / "nkeys" / "orchestrator.nk"
        seed.rename(seed.with_suffix(".away"))
        command = [sys.executable, "worker.py"]
        ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
        seed.with_suffix(".away").rename(seed)

    assert ended.returncode != 0
    assert "orchestrator.nk cannot be read" in ended.stderr

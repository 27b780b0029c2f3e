import asyncio
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from perdure.cli.exit_codes import UNREACHABLE
from perdure.local.deploy_requests import DeployRequests, forget_requests
from perdure.local.rollouts import Report, Rollouts
from perdure.local.state import State
from perdure.runtime.background import background
from perdure.values.rollout import AnyRolloutEvent, Finished, RolloutRefused, RolloutRequest
from tests.support.command_line import perdure
from tests.support.state_holder import another_suite, endpoints

DONE = Finished(build="b", moved=0, stays=0, open_runs={})


class Recorded(Rollouts):
    """Records what is asked.

    Attributes:
        asked: The requests.
    """

    def __init__(self, then: Callable[[], Awaitable[None]]) -> None:
        self.asked: list[RolloutRequest] = []
        self._then = then

    async def roll_out(self, request: RolloutRequest, note: Report = lambda _: None) -> Finished | RolloutRefused:
        self.asked.append(request)
        await self._then()
        note(DONE)
        return DONE


def ask(state: Path, name: str, content: str) -> Path:
    file = state / "deploys" / f"{name}.request"
    file.parent.mkdir(exist_ok=True)
    file.write_text(content)
    return file


async def served(state: Path, rollouts: Rollouts, last: Path) -> None:
    """Serve until there are events of the last request."""
    asked = asyncio.Event()
    asked.set()
    async with asyncio.timeout(20), background(DeployRequests(state, rollouts, asked).serve()):
        while not (last.exists() and last.read_text()):
            await asyncio.sleep(0.01)


async def test_a_queued_request_whose_client_has_gone_is_passed_over(tmp_path: Path) -> None:
    ask(tmp_path, "1", RolloutRequest().model_dump_json())
    gone = ask(tmp_path, "2", RolloutRequest(build="gone").model_dump_json())
    last = ask(tmp_path, "3", RolloutRequest(build="last").model_dump_json())

    async def leave() -> None:
        gone.unlink(missing_ok=True)

    rollouts = Recorded(leave)
    await served(tmp_path, rollouts, last.with_suffix(".events"))

    assert [request.build for request in rollouts.asked] == [None, "last"]


@pytest.mark.parametrize("content", ["", '{"dry_run": "perhaps"}'])
async def test_a_request_that_is_not_understood_is_refused_and_the_next_is_served(tmp_path: Path, content: str) -> None:
    bad = ask(tmp_path, "1", content)
    last = ask(tmp_path, "2", RolloutRequest().model_dump_json())

    async def nothing() -> None:
        pass

    await served(tmp_path, Recorded(nothing), last.with_suffix(".events"))

    refused = AnyRolloutEvent.validate_json(bad.with_suffix(".events").read_text())
    assert isinstance(refused, RolloutRefused)
    assert "Nothing was changed" in refused.why
    assert not bad.exists()


def test_what_killed_clients_have_left_is_removed_at_the_next_start(tmp_path: Path) -> None:
    request = ask(tmp_path, "1", "{}")
    request.with_suffix(".events").write_text("{}")

    forget_requests(tmp_path)
    forget_requests(tmp_path / "none")

    assert list((tmp_path / "deploys").iterdir()) == []


def test_a_deploy_after_a_killed_suite_signals_no_stranger_with_its_process_id(tmp_path: Path) -> None:
    state = tmp_path / ".perdure"
    state.mkdir()
    with another_suite(state) as holder:
        holder.kill()
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as stranger:
        State(state).write_endpoints(endpoints(stranger.pid))
        deployed = perdure(tmp_path, "deploy")
        before = stranger.poll()
        stranger.kill()

    assert (deployed.returncode, "No suite runs" in deployed.stderr) == (UNREACHABLE, True), deployed.stderr
    assert before is None  # SIGHUP ends it

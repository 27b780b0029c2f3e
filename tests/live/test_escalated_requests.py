"""After an escalation whoever it has added decides: by the command line and by a program, and their vote counts."""

import asyncio
from typing import Any

import pytest

from perdure.client import connect
from tests.support.command_line import perdure_of
from tests.support.reviewers import Reviewers
from tests.support.suite import World, shared_world

pytestmark = pytest.mark.asyncio(loop_scope="module")

here = shared_world(routes=[{"on": "work.asking", "start": "Asking"}], temporal={"signals_wait_seconds": 1})


def policy(*, instead: bool) -> dict[str, Any]:
    return {"people": ["ada"], "escalate": [{"after": "1s", "people": ["eve"], "instead": instead}]}


@pytest.mark.parametrize("instead", [True, False])
async def test_the_command_line_decides_for_whom_an_escalation_has_added(here: World, *, instead: bool) -> None:
    run = f"cli-{instead}"
    people = await Reviewers.of(here)
    await people.request(run, policy=policy(instead=instead))
    await people.wait_for("escalated", run)
    name = f"Asking~{run}.1"
    done = await perdure_of(
        here.settings.state, "approve", name, "--as", "eve", "--digest", people.digests[name][:12], "--json"
    )

    assert done.returncode == 0, done.stdout + done.stderr
    async with asyncio.timeout(60):
        assert await people.outcome(run) == ("approved", "eve")


async def test_a_program_decides_for_whom_an_escalation_has_added(here: World, monkeypatch: pytest.MonkeyPatch) -> None:
    people = await Reviewers.of(here)
    await people.request("program", policy=policy(instead=True))
    await people.wait_for("escalated", "program")
    monkeypatch.setenv("PERDURE_STATE", str(here.settings.state))
    async with connect() as client:
        request = await client.request("Asking~program.1")
        receipt = await client.decide(
            request.request_id, "approve", digest=request.digest, key=people.keys["eve"], approver="eve"
        )

    assert receipt.accepted
    async with asyncio.timeout(60):
        assert await people.outcome("program") == ("approved", "eve")

"""The command line in a folder without a suite, while another folder's suite answers at the configured place."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from perdure.bus.permissions import ROLES
from perdure.local.nkeys import ensure_nkeys
from perdure.local.servers import nats_program
from perdure.local.supervisor import supervised
from tests.support.command_line import perdure
from tests.support.ports import free_port


@pytest.fixture
async def theirs(tmp_path: Path) -> AsyncIterator[str]:
    """The NATS of another folder, as ``perdure up`` starts it: who shows no nkey is a publisher."""
    folder = tmp_path / "theirs"
    nkeys = ensure_nkeys(folder / "nkeys", ROLES)
    program = nats_program(folder, {"nats": free_port(), "nats_monitor": free_port()}, nkeys, name="perdure-theirs")
    async with supervised([program], folder / "logs", lambda _: None):
        yield program.where


async def test_a_command_says_that_a_server_answers_whose_it_may_be_and_what_to_do(theirs: str, tmp_path: Path) -> None:
    elsewhere = {"PERDURE_NATS__SERVERS": json.dumps([theirs])}

    asked = await asyncio.to_thread(perdure, tmp_path, "approvals", "list", environment=elsewhere)
    watched = await asyncio.to_thread(perdure, tmp_path, "watch", environment=elsewhere)
    looked = await asyncio.to_thread(perdure, tmp_path, "doctor", "--json", environment=elsewhere)

    nats = next(it for it in map(json.loads, looked.stdout.splitlines()) if it["what"] == "nats")
    assert (asked.returncode, watched.returncode, looked.returncode, nats["good"]) == (75, 75, 1, False)
    for refused in (asked.stderr, watched.stderr, nats["detail"]):
        assert f"The NATS server at {theirs} answers, but does not let this folder read" in refused
        assert "`perdure up` here" in refused
    assert len(watched.stderr.splitlines()) == 1


async def test_a_server_of_another_suite_is_not_taken_for_the_own_one(theirs: str, tmp_path: Path) -> None:
    port = int(theirs.rpartition(":")[2])
    program = nats_program(tmp_path / "ours", {"nats": port, "nats_monitor": free_port()}, name="perdure-ours")

    assert not await program.ready()

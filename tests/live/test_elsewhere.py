"""The command line in a folder without a suite, while another folder's suite answers at the usual place."""

import asyncio
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from perdure.bus.permissions import ROLES
from perdure.local.nkeys import ensure_nkeys
from perdure.local.program import Program
from perdure.local.servers import nats_program
from tests.command_line import perdure
from tests.ports import free_port


@pytest.fixture
def theirs(tmp_path: Path) -> Iterator[str]:
    """The NATS of another folder, as ``perdure up`` starts it: who shows no nkey is a publisher."""
    folder = tmp_path / "theirs"
    nkeys = ensure_nkeys(folder / "nkeys", ROLES)
    program = nats_program(folder, {"nats": free_port(), "nats_monitor": free_port()}, nkeys)
    with subprocess.Popen([*program.command, "-l", str(folder / "log")]) as process:
        try:
            asyncio.run(_ready(program))
            yield program.where
        finally:
            process.terminate()


async def _ready(program: Program) -> None:
    async with asyncio.timeout(20):
        while not await program.ready():
            await asyncio.sleep(0.05)


def test_it_is_told_that_a_server_answers_whose_it_may_be_and_what_to_do(theirs: str, tmp_path: Path) -> None:
    elsewhere = {"PERDURE_NATS__SERVERS": json.dumps([theirs])}

    asked = perdure(tmp_path, "approvals", environment=elsewhere)
    looked = perdure(tmp_path, "doctor", "--json", environment=elsewhere)

    nats = next(it for it in map(json.loads, looked.stdout.splitlines()) if it["what"] == "nats")
    assert (asked.returncode, looked.returncode, nats["good"]) == (1, 1, False)
    for told in (asked.stderr, nats["detail"]):
        assert f"The NATS server at {theirs} answers, but does not let this folder read" in told
        assert "`perdure up` here" in told

"""The product in one minute, as a newcomer meets it, on embedded servers and on servers started by hand."""

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from perdure.local.servers import nats_program, temporal_program
from perdure.local.supervisor import supervised
from tests.support.binaries import binary
from tests.support.ports import SERVERS, free_port, give_ports
from tests.support.suite import left_behind

PARTS = [
    "1. Real servers",
    "2. An event",
    "3. The run",
    "4. kill -9",
    "SIGKILL",
    "5. An approval is requested; a bot",
    "my approval was accepted",
    "6. What is left",
    "contract.report.md",
    "numbered without a gap",
    "only what was in flight at the kill ran twice",
    "publish documents.submitted",
    "notifier receives APPROVALS",
    "Record",
    "All of it happened.",
    "perdure init hello",
]


def demo(folder: Path, **environment: str) -> str:
    give_ports(folder / ".perdure/demo")
    shown = subprocess.run(
        [binary("perdure"), "demo"],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert shown.returncode == 0, shown.stdout + shown.stderr
    return shown.stdout


def test_the_demo_shows_all_its_parts_and_leaves_nothing_behind(tmp_path: Path) -> None:
    shown = demo(tmp_path)

    for part in PARTS:
        assert part in shown, f"{part} is missing from:\n{shown}"
    assert "Summary" in (tmp_path / ".perdure/demo/documents/contract.report.md").read_text()
    assert left_behind(tmp_path) == []


@asynccontextmanager
async def servers_started_by_hand(folder: Path) -> AsyncIterator[dict[str, str]]:
    ports = {name: free_port() for name in SERVERS}
    programs = [nats_program(folder, ports), temporal_program(folder, ports, "mine")]
    async with supervised(programs, folder / "logs", lambda _: None):
        yield {
            "PERDURE_EXECUTION_ENGINE": "temporal",
            "PERDURE_NATS__SERVERS": f'["nats://127.0.0.1:{ports["nats"]}"]',
            "PERDURE_TEMPORAL__PORT": str(ports["temporal"]),
            "PERDURE_TEMPORAL__NAMESPACE": "mine",
        }


@pytest.mark.timeout(200)
async def test_the_same_demo_works_on_servers_of_ones_own_and_embeds_nothing(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "theirs").mkdir()
    async with servers_started_by_hand(tmp_path / "mine") as environment:
        shown = await asyncio.to_thread(demo, tmp_path / "theirs", **environment)

    assert "All of it happened." in shown
    assert "ready" in shown
    assert not any(line.startswith(("✓ nats", "✓ temporal")) for line in shown.splitlines())
    assert not (tmp_path / "theirs/.perdure/demo/nats").exists()

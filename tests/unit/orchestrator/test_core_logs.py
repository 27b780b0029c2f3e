"""Log lines of the Temporal SDK's Rust core."""

import asyncio
import json
import logging
from collections.abc import Iterator

import pytest
from temporalio import activity
from temporalio.worker import Worker

from perdure.config.settings import TemporalSettings
from perdure.local.ports import choose_ports
from perdure.telemetry.logs import set_up_logs
from perdure_orchestrator.temporal import connect_temporal
from tests.support.temporal_server import temporal_server


@pytest.fixture(autouse=True)
def _restore_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@activity.defn
async def nothing() -> None:
    """Do nothing."""


async def test_lines_of_the_rust_core_are_json_like_all_others(capfd: pytest.CaptureFixture[str]) -> None:
    set_up_logs("orchestrator")
    port = choose_ports({"temporal": 0}, remembered={}, requested={})["temporal"]
    async with temporal_server(port):
        client = await connect_temporal(TemporalSettings(port=port))
        printed = ""
        async with asyncio.timeout(60), Worker(client, task_queue="t", activities=[nothing]):
            while "temporalio.core" not in printed:  # the core finds this small server too old
                await asyncio.sleep(0.05)
                printed += capfd.readouterr().err

    lines = [json.loads(line) for line in printed.splitlines()]
    (core, *_) = (line for line in lines if line["logger"] == "temporalio.core")
    assert (core["service"], core["level"]) == ("orchestrator", "warning")
    assert core["target"].startswith("temporalio_")

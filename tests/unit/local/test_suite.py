import os
from pathlib import Path

import pytest

from perdure.local import suite
from perdure.local.program import Program
from perdure.local.state import Endpoints, read_endpoints
from perdure.local.suite import SERVICES, open_suite
from perdure.local.supervisor import Ready, Supervisor
from perdure.settings import Settings
from tests.unit.local.programs import Happenings, steady


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Those of a suite with its servers elsewhere, whose services are small programs."""

    def service(name: str, *_: object, **__: object) -> Program:
        return steady(tmp_path, name)

    monkeypatch.setattr(suite, "_service", service)
    return Settings(state=tmp_path / "state", execution_engine="temporal")


def told(settings: Settings) -> Endpoints:
    endpoints = read_endpoints(settings.state)
    assert endpoints is not None
    return endpoints


def running(supervisor: Supervisor) -> dict[str, int]:
    return {name: supervisor.pid(name) for name in SERVICES}


async def test_clients_are_told_the_process_ids_of_all_parts(settings: Settings) -> None:
    async with open_suite(settings, tell=lambda _: None) as opened:
        assert told(settings) == opened.endpoints
        assert (opened.endpoints.pid, opened.endpoints.pids) == (os.getpid(), running(opened.supervisor))


async def test_clients_are_told_the_new_process_id_of_a_part_that_was_brought_back(settings: Settings) -> None:
    happenings = Happenings()
    async with open_suite(settings, tell=happenings.tell) as opened:
        before = told(settings)

        opened.supervisor.kill("ingest")
        await happenings.nth(Ready, len(SERVICES) + 1)

        assert told(settings).pids == running(opened.supervisor)
        assert told(settings).pids["ingest"] != before.pids["ingest"]

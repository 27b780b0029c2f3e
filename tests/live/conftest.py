from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from perdure.bus import connect
from perdure.config_file import CONFIG_VARIABLE
from perdure.configuration import load_settings
from perdure.local.suite import open_suite
from perdure.local.whereabouts import whereabouts
from tests.live.world import World
from tests.ports import give_ports

WORKSHOP = Path(__file__).with_name("workshop.py")


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., AbstractAsyncContextManager[World]]:
    """A whole suite in a folder of its own, with the workflows of ``workshop.py`` as a user's module."""

    @asynccontextmanager
    async def open_world(replicas: dict[str, int] | None = None, **configuration: Any) -> AsyncIterator[World]:
        (tmp_path / "workshop.py").write_text(WORKSHOP.read_text())
        config = {
            "workflows": ["workshop"],
            "routes": [
                {"on": "work.chained", "start": "Chain"},
                {"on": "work.quick", "start": "Quick"},
                {"on": "work.patient", "start": "Patient"},
            ],
            "temporal": {"task_timeout_seconds": 3},
            **configuration,
        }
        file = tmp_path / "perdure.yaml"
        file.write_text(yaml.safe_dump(config))
        monkeypatch.setenv(CONFIG_VARIABLE, str(file))
        settings = load_settings(state=tmp_path / "state")
        give_ports(settings.state)
        log = tmp_path / "executions.log"
        environment = {"PYTHONPATH": str(tmp_path), "WORKSHOP_LOG": str(log)}
        async with AsyncExitStack() as stack:
            opening = open_suite(settings, tell=lambda _: None, environment=environment, replicas=replicas)
            suite = await stack.enter_async_context(opening)
            connecting = connect(whereabouts(settings)[0], source="perdure/test", within=5)
            yield World(settings, suite, await stack.enter_async_context(connecting), log)

    return open_world

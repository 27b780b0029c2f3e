"""One suite for all attacks, with honest traffic for as long as they last, and a check once they are over."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from perdure.approvers import SigningKey
from tests.support.attacks.channels import open_channels
from tests.support.attacks.configuration import configuration, enrol_people
from tests.support.attacks.health import check_health, pids
from tests.support.attacks.honest import honest_traffic
from tests.support.attacks.suite import AttackedSuite, attacked_suite
from tests.support.suite import open_world


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def suite(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[AttackedSuite]:
    folder = tmp_path_factory.mktemp("attacked")
    keys = enrol_people(folder / "state" / "approvers.yaml", tmp_path_factory.mktemp("people"))
    with open_channels() as channels:
        settings = configuration(folder, channels)
        async with open_world(folder, **settings) as world, attacked_suite(world, keys, channels) as attacked:
            keys["notifier"] = SigningKey.read(world.settings.notifier_key)  # stolen from its machine
            before = pids(attacked)
            async with honest_traffic(attacked) as honest:
                yield attacked
            await check_health(attacked, honest, before=before)

"""The attacked suite from its start to its end, with honest traffic meanwhile and a check once it is over."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from perdure.approvers import SigningKey
from tests.support.attacks.channels import open_channels
from tests.support.attacks.configuration import configuration, enrol_people
from tests.support.attacks.health import check_health, pids
from tests.support.attacks.honest import honest_traffic
from tests.support.attacks.suite import AttackedSuite, attacked_suite
from tests.support.suite import open_world

__all__ = ["open_attacked_suite"]


@asynccontextmanager
async def open_attacked_suite(folder: Path, private: Path) -> AsyncIterator[AttackedSuite]:
    """Run a suite for attackers; after the block, check that they have changed nothing.

    Args:
        folder: The suite's folder.
        private: The folder of the approvers' private keys.
    """
    keys = enrol_people(folder / "state" / "approvers.yaml", private)
    with open_channels() as channels:
        settings = configuration(folder, channels)
        async with open_world(folder, **settings) as world, attacked_suite(world, keys, channels) as suite:
            keys["notifier"] = SigningKey.read(world.settings.notifier_key)  # stolen from its machine
            before = pids(suite)
            async with honest_traffic(suite) as honest:
                yield suite
            await check_health(suite, honest, before=before)

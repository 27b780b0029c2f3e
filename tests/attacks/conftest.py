"""One suite for all attacks, with honest traffic for as long as they last, and a check once they are over."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from perdure.approvers import Approver, ApproversFile, Directory, Proxy, SigningKey
from perdure.approvers.enrolment import enrol
from tests.support.attacks.channels import open_channels
from tests.support.attacks.health import check_health, pids
from tests.support.attacks.honest import honest_traffic
from tests.support.attacks.suite import AttackedSuite, attacked_suite
from tests.support.people import approvers_file
from tests.support.suite import open_world

ROUTES: list[dict[str, Any]] = [
    {"on": "work.asking", "start": "Asking"},
    {"on": "work.quick", "start": "Quick", "schema": {"required": ["steps"]}},
    {"on": "work.lost", "start": "NobodyRegisteredThis"},
    {"on": "work.named", "start": "Quick", "name": "named", "workflow_id": "Named-{data.number}"},
    {"on": "payroll.due", "start": "Quick", "name": "payroll"},
]
PEOPLE = {
    "ada": Approver(roles=("editor",), slack="UADA", email="ada@example.com"),
    "bob": Approver(roles=("editor",), slack="UBOB", email="bob@example.com"),
    "eve": Approver(email="eve@example.com"),
    "hana": Approver(),
    "rex": Approver(roles=("editor",)),  # his key was revoked
}
TEMPORAL = {"task_timeout_seconds": 3, "signals_wait_seconds": 1}
QUICKLY = {"reconcile_every_seconds": 1}
BY_PROXY = ("ada", "bob")  # the notifier may sign for these people only


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def suite(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[AttackedSuite]:
    folder = tmp_path_factory.mktemp("attacked")
    keys = _enrol(folder / "state")
    with open_channels() as channels:
        configuration = {
            "routes": ROUTES,
            "notifier": channels.configuration,
            "temporal": TEMPORAL,
            "orchestrator": QUICKLY,
        }
        async with open_world(folder, **configuration) as world, attacked_suite(world, keys, channels) as attacked:
            keys["notifier"] = SigningKey.read(world.settings.notifier_key)  # stolen from its machine
            before = pids(attacked)
            async with honest_traffic(attacked) as honest:
                yield attacked
            await check_health(attacked, honest, before=before)


def _enrol(state: Path) -> dict[str, SigningKey]:
    """Write the approvers file, with a key for each person; returns the private halves."""
    proxies = {"notifier": Proxy(people=BY_PROXY)}
    file: ApproversFile = approvers_file(state / "approvers.yaml", Directory(approvers=PEOPLE, proxies=proxies))
    keys = {name: enrol(file, state / "keys", name)[0] for name in PEOPLE}
    with file.changing() as (known, changed):
        rex = known.approvers["rex"]
        ended = tuple(key.model_copy(update={"revoked": datetime(2026, 1, 1, tzinfo=UTC)}) for key in rex.keys)
        rex = rex.model_copy(update={"keys": ended})
        changed.append(known.model_copy(update={"approvers": {**known.approvers, "rex": rex}}))
    return keys

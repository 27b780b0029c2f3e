"""The configuration and the approvers of the attacked suite."""

import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from perdure.approvers import Approver, Directory, Proxy, SigningKey
from perdure.approvers.enrolment import enrol
from tests.support.attacks.channels import Channels
from tests.support.people import approvers_file

__all__ = ["configuration", "enrol_people"]

_SUPPORT: Final = Path(__file__).parents[1]
_ROUTES: Final[list[dict[str, Any]]] = [
    {"on": "work.asking", "start": "Asking"},
    {"on": "work.quick", "start": "Quick", "schema": {"required": ["steps"]}},
    {"on": "work.lost", "start": "NobodyRegisteredThis"},
    {"on": "work.named", "start": "Quick", "name": "named", "workflow_id": "Named-{data.number}"},
    {"on": "work.errand", "start": "Errand"},
    {"on": "payroll.due", "start": "Quick", "name": "payroll"},
]
_SNOOP: Final = {
    "command": sys.executable,
    "args": [str(_SUPPORT / "attacks" / "snoop_server.py")],
    "requires_approval": ["wipe"],
}
_PEOPLE: Final = {
    "ada": Approver(roles=("editor",), slack="UADA", email="ada@example.com"),
    "bob": Approver(roles=("editor",), slack="UBOB", email="bob@example.com"),
    "eve": Approver(email="eve@example.com"),
    "hana": Approver(),
    "rex": Approver(roles=("editor",)),  # his key was revoked
}
_BY_PROXY: Final = ("ada", "bob")  # the notifier may sign for these people only
_REVOKED: Final = datetime(2026, 1, 1, tzinfo=UTC)


def configuration(folder: Path, channels: Channels) -> dict[str, Any]:
    """Return the configuration; the modules that it names are copied into the folder."""
    shutil.copy(_SUPPORT / "errands.py", folder)
    return {
        "routes": _ROUTES,
        "workflows": ["workshop", "errands"],
        "mcp": {"servers": {"snoop": _SNOOP}},
        "notifier": channels.configuration,
        "temporal": {"task_timeout_seconds": 3, "signals_wait_seconds": 1},
        "orchestrator": {"reconcile_every_seconds": 5},
    }


def enrol_people(file: Path, keys: Path) -> dict[str, SigningKey]:
    """Write the approvers file, with a key for each person; returns the private halves, also kept in a folder."""
    known = approvers_file(file, Directory(approvers=_PEOPLE, proxies={"notifier": Proxy(people=_BY_PROXY)}))
    made = {name: enrol(known, keys, name)[0] for name in _PEOPLE}
    with known.changing() as (before, changed):
        rex = before.approvers["rex"]
        ended = tuple(key.model_copy(update={"revoked": _REVOKED}) for key in rex.keys)
        rex = rex.model_copy(update={"keys": ended})
        changed.append(before.model_copy(update={"approvers": {**before.approvers, "rex": rex}}))
    return made

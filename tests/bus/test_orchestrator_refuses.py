"""An orchestrator that is started alone refuses approvers, policies and servers that cannot work, as the check does."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from perdure.approvers import SigningKey
from tests.support.nats_server import nats_server
from tests.support.people import approvers_file, directory

KNOWN = directory({"ada": SigningKey.new()}, roles={"ada": ["chief"]})
TWINS = "approvers: {a: {slack: U1}, b: {slack: U1}}"
SERVER = {"servers": {"shop": {"command": "python", "args": ["shop.py"]}}}


@pytest.mark.parametrize(
    ("policy", "people", "mcp", "complaint"),
    [
        pytest.param({"roles": ["bord"]}, None, {}, "nobody has the role bord", id="role"),
        pytest.param({"quorum": 2}, None, {}, "2 must approve, and only ada can", id="quorum"),
        pytest.param({}, TWINS, {}, "the Slack id U1 belongs to a and b", id="file"),
        pytest.param({}, None, SERVER, "shop.py is in the project's: write `cwd: .`", id="MCP server"),
    ],
)
def test_what_cannot_work_keeps_it_from_starting_alone_or_in_a_suite(
    policy: dict[str, Any], people: str | None, mcp: dict[str, Any], complaint: str, tmp_path: Path
) -> None:
    project = tmp_path / "project"
    project.mkdir()
    file = approvers_file(project / "approvers.yaml", KNOWN)
    if people is not None:
        file.path.write_text(people)
    (project / "shop.py").touch()
    approvals = {"approvers": str(file.path), "policies": {"Pay": policy}}
    (project / "perdure.yaml").write_text(yaml.safe_dump({"approvals": approvals, "mcp": mcp}))

    with nats_server(tmp_path) as nats:
        alone = run(project, [sys.executable, "-m", "perdure_orchestrator"], nats.servers)
        checked = run(project, [str(Path(sys.executable).with_name("perdure")), "config", "check"], nats.servers)

    assert (alone[0], complaint in alone[1]) == (1, True), alone[1]
    assert (checked[0] != 0, complaint in checked[1]) == (True, True), checked[1]


def run(folder: Path, command: list[str], servers: tuple[str, ...]) -> tuple[int, str]:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("PERDURE_")},
        "PERDURE_NATS__SERVERS": json.dumps(servers),
        "PERDURE_ORCHESTRATOR__HTTP_PORT": "0",
    }
    ended = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    return ended.returncode, " ".join((ended.stdout + ended.stderr).split())

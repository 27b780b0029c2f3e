"""An MCP server's process gets a folder and an environment without the project's keys and seeds."""

import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from perdure.config.loader import load_settings
from perdure.config.settings import StdioServer
from perdure_orchestrator.agents.server_folder import folder_problems
from perdure_orchestrator.agents.tool_servers import ToolServers

TINY = str(Path(__file__).with_name("tiny_server.py"))


async def started(tmp_path: Path, **more: Any) -> dict[str, str]:
    """Start a server, and return its environment, with its folder as PWD."""
    seen = tmp_path / "seen"
    script = f'env > "{seen}"; echo "PWD=$(pwd)" >> "{seen}"; exec {sys.executable} {TINY}'
    server = StdioServer(command="/bin/sh", args=("-c", script), **more)
    servers = ToolServers({"tiny": server}, tmp_path / "folders")
    try:
        await servers.offers(["tiny"])
    finally:
        await servers.close()
    return dict(line.split("=", 1) for line in seen.read_text().splitlines() if "=" in line)


async def test_a_server_starts_in_a_folder_of_its_own_which_is_its_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERDURE_NATS__NKEY_SEED_FILE", "/secret/seed.nk")
    monkeypatch.setenv("SHOP_TOKEN", "token")

    seen = await started(tmp_path, env_from=("SHOP_TOKEN",))

    own = str((tmp_path / "folders" / "tiny").resolve())
    assert (seen["PWD"], seen["HOME"], seen["SHOP_TOKEN"]) == (own, own, "token")
    assert not [name for name in seen if name.startswith(("PERDURE_", "XDG_"))]
    assert (tmp_path / "folders" / "tiny").stat().st_mode & 0o077 == 0


async def test_a_configured_folder_and_home_win(tmp_path: Path) -> None:
    seen = await started(tmp_path, cwd=tmp_path, env={"HOME": "/elsewhere"})

    assert (seen["PWD"], seen["HOME"]) == (str(tmp_path.resolve()), "/elsewhere")


@pytest.mark.parametrize(
    ("server", "named"),
    [
        pytest.param({"command": "python", "args": ["shop.py"]}, ["shop.py"], id="script"),
        pytest.param({"command": "python", "args": ["-m", "shop"]}, ["shop"], id="module"),
        pytest.param({"command": "./shop.py"}, ["./shop.py"], id="command"),
        pytest.param({"command": "python", "args": ["-m", "server", "."]}, ["."], id="root"),
        pytest.param({"command": "python", "args": ["shop.py"], "cwd": "."}, [], id="with a folder"),
        pytest.param({"command": "shop", "args": ["--shop", "nowhere.py"]}, [], id="no path"),
    ],
)
def test_arguments_that_mean_files_of_the_project_need_the_projects_folder(
    server: dict[str, Any], named: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shop.py").touch()
    (tmp_path / "shop").mkdir()
    (tmp_path / "perdure.yaml").write_text(yaml.safe_dump({"mcp": {"servers": {"shop": server}}}))
    monkeypatch.chdir(tmp_path)

    found = list(folder_problems(load_settings()))

    assert [problem.where.startswith("perdure.yaml:") for problem in found] == [True] * len(named)
    assert all(f"{name} is in the project's: write `cwd: .`" in it.what for name, it in zip(named, found, strict=True))

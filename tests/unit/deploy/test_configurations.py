"""Perdure's own configuration under compose and Kubernetes."""

from importlib.util import find_spec
from pathlib import Path

import pytest

from perdure.config.settings import StdioServer
from perdure_ingest.rules import compile_rules
from perdure_orchestrator.registry import load_registry
from tests.support.deploy_files import CONFIGURATIONS, ROOT, compose, loaded, volumes_of, workloads


@pytest.mark.parametrize("file", CONFIGURATIONS, ids=lambda file: str(file.relative_to(ROOT)))
def test_every_route_starts_a_registered_workflow(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = loaded({}, file, monkeypatch)

    assert compile_rules(settings.routes)
    assert {route.start for route in settings.routes} <= set(load_registry(settings.workflows).workflows)


@pytest.mark.parametrize("file", CONFIGURATIONS, ids=lambda file: str(file.relative_to(ROOT)))
def test_the_filesystem_server_serves_the_folder_of_documents(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = loaded({}, file, monkeypatch).mcp.servers["filesystem"]
    assert isinstance(server, StdioServer)
    flag, module, folder = server.args
    workers = [container for _, _, container in workloads() if container["name"] == "worker"]

    assert (server.command, flag) == ("python", "-m")
    assert find_spec(module) is not None
    assert volumes_of(compose()["services"]["orchestrator"])[folder] == "documents"
    assert [mount["mountPath"] for mount in workers[0]["volumeMounts"] if mount["name"] == "documents"] == [folder]

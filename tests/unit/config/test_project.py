"""The folder of the project: the nearest with a configuration or a suite's state, from the working folder upwards."""

from pathlib import Path

import pytest

from perdure.config.loader import load_settings
from perdure.config.project import project_folder
from perdure.config.settings import StdioServer
from perdure.errors import SetupError


@pytest.fixture
def deep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A sub-folder of the project's folder, in which the command is called."""
    folder = tmp_path / "project" / "src" / "deep"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    return folder


def test_a_folder_without_any_mark_is_its_own_project(deep: Path) -> None:
    assert project_folder() == deep
    assert load_settings().state == Path(".perdure")


def test_the_configuration_of_a_parent_folder_counts_and_its_paths_are_relative_to_it(deep: Path) -> None:
    project = deep.parents[1]
    (project / "perdure.yaml").write_text(
        "approvals: {approvers: people.yaml}\nnats: {nkey_seed_file: ~/seed.nk}\n"
        "mcp: {servers: {files: {command: serve, cwd: documents}}}"
    )

    settings = load_settings()

    server = settings.mcp.servers["files"]
    assert isinstance(server, StdioServer)
    assert (settings.state, settings.approvers_file) == (project / ".perdure", project / "people.yaml")
    assert (server.cwd, settings.nats.nkey_seed_file) == (project / "documents", Path("~/seed.nk"))


def test_an_option_is_relative_to_the_working_folder(deep: Path) -> None:
    (deep.parents[1] / "perdure.yaml").touch()

    assert load_settings(state=Path("mine")).state == deep / "mine"


def test_the_state_of_a_parent_folder_marks_a_project_too(deep: Path) -> None:
    (deep.parents[1] / ".perdure").mkdir()

    assert load_settings().state == deep.parents[1] / ".perdure"


def test_the_nearest_folder_wins(deep: Path) -> None:
    (deep.parents[1] / "perdure.yaml").write_text("execution_engine: temporal")
    (deep.parent / ".perdure").mkdir()

    assert (project_folder(), load_settings().execution_engine) == (deep.parent, "local")


def test_a_named_configuration_wins_and_paths_stay_relative_to_the_working_folder(
    deep: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (deep.parents[1] / "perdure.yaml").write_text("execution_engine: temporal")
    (deep / "other.yaml").touch()
    monkeypatch.setenv("PERDURE_CONFIG", "other.yaml")

    assert (load_settings().execution_engine, load_settings().state) == ("local", Path(".perdure"))


def test_an_error_in_the_configuration_of_a_parent_folder_names_the_file(deep: Path) -> None:
    (deep.parents[1] / "perdure.yaml").write_text("natz: {}")

    with pytest.raises(SetupError, match=f"{deep.parents[1]}/perdure.yaml"):
        load_settings()


def test_a_configuration_of_another_user_in_a_parent_folder_is_ignored(
    deep: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (deep.parents[1] / "perdure.yaml").touch()
    monkeypatch.setattr("perdure.config.project._TRUSTED", frozenset())

    assert project_folder() == deep


def test_a_section_knows_which_of_its_keys_were_configured(deep: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (deep / "perdure.yaml").write_text("ingest: {http_port: 9001}\norchestrator: {max_cached_runs: 7}")
    monkeypatch.setenv("PERDURE_AUDIT__HTTP_PORT", "9004")

    settings = load_settings()

    sections = (settings.ingest, settings.audit, settings.notifier, settings.orchestrator)
    assert ["http_port" in section.model_fields_set for section in sections] == [True, True, False, False]

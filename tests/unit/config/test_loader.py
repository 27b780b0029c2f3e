from pathlib import Path

import pytest

from perdure.config.loader import load_settings
from perdure.config.settings import NatsSettings
from perdure.connections.nats import credentials
from perdure.errors import SetupError


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(text: str) -> None:
    Path("perdure.yaml").write_text(text)


def test_without_a_file_everything_has_a_default() -> None:
    assert load_settings().execution_engine == "local"


def test_on_is_a_string_and_not_a_boolean() -> None:
    write("routes: [{on: documents.submitted, start: DocumentAnalysis}]")

    assert load_settings().routes[0].on == "documents.submitted"


def test_asyncio_is_an_alias_of_local() -> None:
    write("execution_engine: asyncio")

    assert load_settings().execution_engine == "local"


def test_variables_win_over_the_file_and_leave_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    write("temporal: {host: example, port: 1, tls: {enabled: true}}")
    monkeypatch.setenv("PERDURE_TEMPORAL__PORT", "2")

    temporal = load_settings().temporal

    assert (temporal.host, temporal.port, temporal.tls.enabled) == ("example", 2, True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("natz: {}", "did you mean nats"),
        ("nats: {server: x}", "nats.server: unknown key: did you mean servers"),
        ("routes: [{on: a, strat: B}]", "routes.0.strat: unknown key: did you mean start"),
        ("mcp: {servers: {x: {comand: a}}}", "did you mean command"),
        ("temporal: {port: many}", "temporal.port"),
        ("routes: [", "not YAML"),
    ],
)
def test_an_error_is_reported_with_its_key(text: str, message: str) -> None:
    write(text)

    with pytest.raises(SetupError, match=message):
        load_settings()


def test_an_unknown_variable_is_reported_with_the_nearest_known_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERDURE_NATZ__SERVERS", "[]")

    with pytest.raises(SetupError, match="did you mean PERDURE_NATS"):
        load_settings()


def test_a_missing_file_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERDURE_CONFIG", "nowhere.yaml")

    with pytest.raises(SetupError, match=r"nowhere\.yaml does not exist"):
        load_settings()


def test_one_setting_names_the_seed_file_of_each_role(tmp_path: Path) -> None:
    for role in ("ingest", "operator"):
        (tmp_path / f"{role}.nk").touch()
    settings = NatsSettings(nkey_seed_file=tmp_path / "{role}.nk")

    assert credentials(settings, "ingest") == {
        "nkeys_seed": str(tmp_path / "ingest.nk"),
        "inbox_prefix": "_INBOX_ingest",
    }
    with pytest.raises(SetupError, match=r"The NATS credentials .*audit\.nk cannot be read"):
        credentials(settings, "audit")


def test_the_configured_inbox_prefix_takes_precedence() -> None:
    assert credentials(NatsSettings(inbox_prefix="_INBOX_other"), "ingest") == {"inbox_prefix": "_INBOX_other"}

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
        ("workflows: greetings", r"perdure.yaml:1: workflows: write a list of names, such as \[a, b\]"),
        ("routes: [{on: a, start: A, signal: b}]", r"perdure.yaml:1: routes.0: a route has one of"),
    ],
)
def test_an_error_is_reported_with_its_key(text: str, message: str) -> None:
    write(text)

    with pytest.raises(SetupError, match=message):
        load_settings()


@pytest.mark.parametrize(
    ("on", "problem"),
    [
        ("'>.x'", "`>` may only be the last word"),
        ("a.b>", "`b>` holds `>`, which stands for words only by itself"),
        ("a.*b", "`*b` holds `*`, which stands for a word only by itself"),
        ("people. arrived", "' arrived' holds a space"),
        ('"people.\\tarrived"', r"'\tarrived' holds a space"),
        ("people..arrived", "a word between its dots is empty"),
        (".people", "a word between its dots is empty"),
        ("''", "a word between its dots is empty"),
    ],
)
def test_an_event_type_that_no_event_can_have_is_refused_with_its_line(on: str, problem: str) -> None:
    write(f"routes:\n  - {{on: a, start: A}}\n  - {{on: {on}, start: B}}\n")

    with pytest.raises(SetupError) as raised:
        load_settings()

    assert f"perdure.yaml:3: routes.1.on: no event can have this type: {problem}" in str(raised.value)
    assert "write words separated by dots, such as documents.submitted" in str(raised.value)


@pytest.mark.parametrize("on", ["'>'", "'*'", "a.*.b", "a.>", "a-b.ü"])
def test_patterns_of_event_types_are_read(on: str) -> None:
    write(f"routes: [{{on: {on}, start: A}}]")

    assert load_settings().routes[0].on == on.strip("'")


def test_an_unknown_variable_is_reported_with_the_nearest_known_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERDURE_NATZ__SERVERS", "[]")

    with pytest.raises(SetupError, match="did you mean PERDURE_NATS"):
        load_settings()


@pytest.mark.parametrize(
    ("name", "text"), [("PERDURE_WORKFLOWS", "greetings"), ("PERDURE_NATS", "x"), ("PERDURE_NATS__SERVERS", "nats://a")]
)
def test_a_variable_of_several_values_that_is_no_json_is_reported(
    monkeypatch: pytest.MonkeyPatch, name: str, text: str
) -> None:
    monkeypatch.setenv(name, text)

    with pytest.raises(SetupError, match=rf"A variable of `(workflows|nats)` is not JSON: {name}\. Write a list as"):
        load_settings()


def test_a_missing_file_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERDURE_CONFIG", "nowhere.yaml")

    with pytest.raises(SetupError, match=r"nowhere\.yaml does not exist"):
        load_settings()


def test_one_setting_names_the_seed_file_of_each_role(tmp_path: Path) -> None:
    for role in ("ingest", "operator"):
        (tmp_path / f"{role}.nk").touch(mode=0o600)
    settings = NatsSettings(nkey_seed_file=tmp_path / "{role}.nk")

    assert credentials(settings, "ingest") == {
        "nkeys_seed": str(tmp_path / "ingest.nk"),
        "inbox_prefix": "_INBOX_ingest",
    }
    with pytest.raises(SetupError, match=r"The NATS credentials .*audit\.nk cannot be read"):
        credentials(settings, "audit")


def test_the_configured_inbox_prefix_takes_precedence() -> None:
    assert credentials(NatsSettings(inbox_prefix="_INBOX_other"), "ingest") == {"inbox_prefix": "_INBOX_other"}

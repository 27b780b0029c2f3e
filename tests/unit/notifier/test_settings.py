"""Errors in the notifier's configuration name the key and the nearest valid name."""

from pathlib import Path

import pytest

from perdure.config.loader import load_settings
from perdure.config.secrets import read_secret
from perdure.config.yaml_file import CONFIG_VARIABLE
from perdure.errors import SetupError
from tests.support.secret_file import write_secret


@pytest.mark.parametrize(
    ("configured", "error"),
    [
        ("channels: {desk: {slak: {}}}", r"notifier\.channels\.desk\.slak: unknown key: did you mean slack"),
        ("channels: {desk: {slack: {chanel: C1}}}", "chanel: unknown key: did you mean channel"),
        ("channels: {desk: {terminal: {}, slack: {channel: C}}}", "a channel is one of terminal, slack"),
        ("channels: {desk: {}}", "a channel is one of terminal, slack"),
        ("channels: {hook: {webhook: {url: 'http://h', answers: true}}}", "answers must be signed"),
        ("channels: {pager: {apprise: {}}}", "set urls_file, urls_command or urls_variable"),
        ("routing: [{channels: [termnal]}]", "there is no channel termnal: did you mean terminal"),
        ("fallback: [desk]", "there is no channel desk"),
        ("channels: {a: {terminal: {}, rate: fast}}", "'fast' is no rate: write 10/s"),
        ("channels: {a: {terminal: {}, quiet: {opens: '8:00', closes: x}}}", "closes"),
    ],
)
def test_a_configuration_error_is_explained(
    configured: str, error: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "perdure.yaml"
    file.write_text(f"notifier:\n  {configured}\n")
    monkeypatch.setenv(CONFIG_VARIABLE, str(file))

    with pytest.raises(SetupError, match=error):
        load_settings()


def test_a_secret_is_read_from_a_file_or_a_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write_secret(tmp_path / "secret", "from the file\n")
    monkeypatch.setenv("THE_SECRET", "from the variable")

    assert read_secret("It", file=file, variable="THE_SECRET") == "from the file"
    assert read_secret("It", file=None, variable="THE_SECRET") == "from the variable"
    with pytest.raises(SetupError, match=r"It is missing: the variable NOBODY is empty\."):
        read_secret("It", file=None, variable="NOBODY")
    with pytest.raises(SetupError, match="It cannot be read from"):
        read_secret("It", file=tmp_path / "gone", variable=None)

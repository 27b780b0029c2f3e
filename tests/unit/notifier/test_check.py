from base64 import b64encode
from pathlib import Path

import pytest
from pydantic import ValidationError

from perdure.config.channels import SlackSettings, WebhookSettings
from perdure.config.loader import load_settings
from perdure_notifier.channels.secrets import webhook_secret
from perdure_notifier.check import find_problems

CHANNELS = """
notifier:
  channels:
    screen: {terminal: {}}
    desk: {slack: {channel: C1, signing_secret_variable: NO_SIGNING_SECRET, team_id: T1}}
    hook: {webhook: {url: "http://127.0.0.1/", secret_variable: NO_HOOK_SECRET}}
    mail: {email: {host: h, sender: a@b.c, username: u, password_file: nowhere}}
    pager: {apprise: {urls_variable: NO_URLS}}
"""


def test_every_missing_secret_is_a_problem_at_its_channel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "perdure.yaml").write_text(CHANNELS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SLACK_BOT_TOKEN", raising=False)

    found = [str(problem) for problem in find_problems(load_settings())]

    assert [text.partition(":")[2].partition(": ")[0] for text in found] == ["5", "5", "6", "7", "8"]
    assert "The token of the Slack channel desk is missing: the variable SLACK_BOT_TOKEN is empty." in found[0]
    assert "signing secret of the Slack channel desk" in found[1]
    assert "secret of the webhook hook" in found[2]
    assert "nowhere" in found[3]
    assert "URLs of the channel pager" in found[4]


def test_secrets_that_are_there_are_no_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "perdure.yaml").write_text("notifier: {channels: {desk: {slack: {channel: C1}}}}")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-1")

    assert list(find_problems(load_settings())) == []


@pytest.mark.parametrize(
    ("secret", "wrong"),
    [
        ("whsec_c2hvcnQ=", "has 5 bytes, and needs at least 24"),
        (b64encode(b"x" * 23).decode(), "has 23 bytes"),
        ("short", "is not base64"),
        ("!!", "is not base64"),
        ("whsec_", "has 0 bytes"),
        ("ä" * 40, "is not base64"),
        ("_-" * 20, "is not base64"),
    ],
)
def test_a_webhook_secret_that_is_unfit_is_a_problem_with_what_to_do(
    secret: str, wrong: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "perdure.yaml").write_text(
        "notifier: {channels: {hook: {webhook: {url: 'http://127.0.0.1/', secret_variable: HOOK}}}}"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOOK", secret)

    (problem,) = find_problems(load_settings())

    assert "The secret of the webhook hook" in str(problem)
    assert wrong in str(problem)
    assert "`openssl rand -base64 32`" in str(problem)


@pytest.mark.parametrize("prefix", ["", "whsec_"])
def test_a_webhook_secret_of_24_bytes_will_do_with_or_without_prefix_and_padding(
    prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for secret in (b64encode(b"x" * 24).decode(), b64encode(b"x" * 25).decode().rstrip("=")):
        monkeypatch.setenv("HOOK", f"{prefix}{secret}")

        settings = WebhookSettings.model_validate({"url": "http://127.0.0.1/", "secret_variable": "HOOK"})
        assert webhook_secret("hook", settings) == f"{prefix}{secret}"


def test_a_slack_channel_with_buttons_and_without_a_workspace_is_refused_with_the_line_to_write() -> None:
    with pytest.raises(ValidationError, match="add `team_id: T…`"):
        SlackSettings.model_validate({"channel": "C1", "signing_secret_variable": "SECRET"})

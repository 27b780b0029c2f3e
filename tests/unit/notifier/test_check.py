from pathlib import Path

import pytest

from perdure.config.loader import load_settings
from perdure_notifier.check import find_problems

CHANNELS = """
notifier:
  channels:
    screen: {terminal: {}}
    desk: {slack: {channel: C1, signing_secret_variable: NO_SIGNING_SECRET}}
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

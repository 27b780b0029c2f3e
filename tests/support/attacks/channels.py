"""The channels of the attacked suite: a Slack workspace, a mail server and a webhook, each on this machine."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import pytest

from tests.support.http_peer import Answer, Post, http_peer
from tests.support.mail_server import MailServer, mail_server
from tests.support.slack_peer import SECRET, TOKEN, SlackPeer, slack_peer

__all__ = ["HOOK", "Channels", "open_channels"]

HOOK: Final = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
URL: Final = "https://approve.example.com"


@dataclass
class Channels:
    """The servers to which the notifier sends.

    Attributes:
        posts: What the webhook received.
        url: The webhook's URL.
    """

    slack: SlackPeer
    mail: MailServer
    url: str
    posts: list[Post] = field(default_factory=list)

    @property
    def configuration(self) -> dict[str, Any]:
        """The section ``notifier:``."""
        slack = {"channel": "C1", "signing_secret_variable": "SLACK_SECRET", **self.slack.addresses}
        mail = {"host": "127.0.0.1", "port": self.mail.port, "tls": "none", "sender": "perdure@example.com"}
        hook = {"url": self.url, "secret_variable": "HOOK_SECRET", "answers": True}
        return {"channels": {"desk": {"slack": slack}, "mail": {"email": mail}, "hook": {"webhook": hook}}, "url": URL}


@contextmanager
def open_channels() -> Iterator[Channels]:
    """Serve for as long as the block lasts, with the secrets in this process's environment."""
    posts: list[Post] = []

    def receive(post: Post) -> Answer:
        posts.append(post)
        return Answer(204)

    with pytest.MonkeyPatch.context() as patch, slack_peer() as slack, mail_server() as mail, http_peer(receive) as url:
        for name, value in {"SLACK_BOT_TOKEN": TOKEN, "SLACK_SECRET": SECRET, "HOOK_SECRET": HOOK}.items():
            patch.setenv(name, value)
        yield Channels(slack, mail, url, posts)

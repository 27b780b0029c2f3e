"""What people see on each kind of channel: one screen a kind, behind a server that speaks the channel's protocol."""

import io
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout
from pathlib import Path
from typing import Any, Protocol

import pytest

from perdure.approvers import Approver, ApproversFile, Directory
from tests.support.http_peer import Answer, Post, http_peer
from tests.support.mail_server import mail_server, text_of
from tests.support.people import approvers_file
from tests.support.ports import free_port
from tests.support.slack_peer import TOKEN, buttons, message_text, slack_peer

__all__ = ["SCREENS", "Screen", "people"]


class Screen(Protocol):
    """One channel as its readers see it.

    Attributes:
        section: The settings of the channel's kind.
        several_targets: Whether the channel has several targets, of which one can be dead.
    """

    section: dict[str, Any]
    several_targets: bool

    def texts(self) -> list[str]:
        """Return the messages that are shown now, oldest first."""

    def controls(self) -> list[str]:
        """Return the ids of the requests that can be decided by a button that is shown now."""

    def kill_one(self) -> None:
        """Make one target dead, or the only one, and let the others live."""


class _Screen:
    several_targets = False

    def __init__(self) -> None:
        self.section: dict[str, Any] = {}

    def controls(self) -> list[str]:
        return []


class _Terminal(_Screen):
    """Standard output; it dies as a pipe does whose reader has gone."""

    def __init__(self, stack: ExitStack, _: pytest.MonkeyPatch) -> None:
        super().__init__()
        self._out = io.StringIO()
        stack.enter_context(redirect_stdout(self._out))

    def texts(self) -> list[str]:
        return [self._out.getvalue()]

    def kill_one(self) -> None:
        class Closed(io.StringIO):
            def write(self, _: str) -> int:
                raise BrokenPipeError

        sys.stdout = Closed()  # `redirect_stdout` puts the former one back


class _Slack(_Screen):
    """A workspace with one channel."""

    def __init__(self, stack: ExitStack, patch: pytest.MonkeyPatch) -> None:
        super().__init__()
        patch.setenv("SLACK_BOT_TOKEN", TOKEN)
        self.peer = stack.enter_context(slack_peer())
        self.section = {"channel": "C1", "signing_secret_variable": "SLACK_SECRET", **self.peer.addresses}

    def texts(self) -> list[str]:
        return [message_text(it) for it in self.peer.messages().values()]

    def controls(self) -> list[str]:
        shown = [button for it in self.peer.messages().values() for button in buttons(it)]
        return [json.loads(button["value"])["request_id"] for button in shown]

    def kill_one(self) -> None:
        self.peer.plan += [503] * 1_000


class _Webhook(_Screen):
    """A program that shows what is posted to it."""

    def __init__(self, stack: ExitStack, _: pytest.MonkeyPatch) -> None:
        super().__init__()
        self.posts: list[Any] = []
        self._status = 200
        self.section = {"url": f"{stack.enter_context(http_peer(self._answer))}/hook"}

    def _answer(self, post: Post) -> Answer:
        if self._status == 200:
            data = json.loads(post.body)["data"]
            self.posts += data if isinstance(data, list) else [data]
        return Answer(self._status)

    def texts(self) -> list[str]:
        return [f"{post['headline']}\n{post['text']}" for post in self.posts]

    def kill_one(self) -> None:
        self._status = 503


class _Email(_Screen):
    """A mail server, with the mailbox of Ada, who may vote, and that of a team."""

    several_targets = True

    def __init__(self, stack: ExitStack, _: pytest.MonkeyPatch) -> None:
        super().__init__()
        self.server = stack.enter_context(mail_server())
        self.section = {"host": "127.0.0.1", "port": self.server.port, "tls": "none", "sender": "perdure@example.com"}
        self.section |= {"also_to": ["team@example.com"]}

    def texts(self) -> list[str]:
        return [f"{mail['Subject']}\n{text_of(mail)}" for mail in self.server.mails if mail["To"] == "ada@example.com"]

    def kill_one(self) -> None:
        self.server.full_mailboxes.add("team@example.com")


class _Apprise(_Screen):
    """Two services that take JSON, of which one can be dead."""

    several_targets = True

    def __init__(self, stack: ExitStack, patch: pytest.MonkeyPatch) -> None:
        super().__init__()
        self._patch = patch
        self.received: list[dict[str, Any]] = []
        self._url = stack.enter_context(http_peer(self._answer)).replace("http:", "json:")
        self._dead = free_port()
        self._variable = f"PAGERS_{self._dead}"  # each of two screens at once has its own
        self.section = {"urls_variable": self._variable}
        patch.setenv(self._variable, self._url)

    def _answer(self, post: Post) -> Answer:
        self.received.append(json.loads(post.body))
        return Answer()

    def texts(self) -> list[str]:
        return [f"{it['title']}\n{it['message']}" for it in self.received]

    def kill_one(self) -> None:
        self._patch.setenv(self._variable, f"json://127.0.0.1:{self._dead} {self._url}")


SCREENS: dict[str, Callable[[ExitStack, pytest.MonkeyPatch], Screen]] = {
    "terminal": _Terminal,
    "slack": _Slack,
    "webhook": _Webhook,
    "email": _Email,
    "apprise": _Apprise,
}
"""One screen for each kind of channel; `test_every_channel.py` fails for a kind that has none."""


@contextmanager
def opened(kind: str) -> Iterator[Screen]:
    """Open the screen of a kind for as long as the block lasts."""
    with ExitStack() as stack:
        yield SCREENS[kind](stack, stack.enter_context(pytest.MonkeyPatch.context()))


def people(folder: Path) -> ApproversFile:
    """Return an approvers file: Ada may vote, and Bob joins her when a request is escalated to the board."""
    known = {
        "ada": Approver(roles=("finance",), slack="UADA", email="ada@example.com"),
        "bob": Approver(roles=("board",), slack="UBOB", email="bob@example.com"),
    }
    return approvers_file(folder / "approvers.yaml", Directory(approvers=known))

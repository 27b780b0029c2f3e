"""Control characters in a request cannot change what reviewers see: they are shown escaped."""

from collections.abc import Iterator
from typing import Any

import pytest

from perdure_notifier.channels.slack_blocks import notice_blocks
from perdure_notifier.notice import Notice
from perdure_notifier.render import render
from perdure_notifier.replies.page import request_page
from tests.support.notifier import decided, request


@pytest.mark.parametrize("trick", ["\x1b[2K", "\u202e", "\u2066", "\r", "\x9b"])
def test_control_characters_are_escaped_on_every_channel(trick: str) -> None:
    text = f"Pay {trick}1 EUR"
    requested = request(title=text, details=text, action={text: text})
    outcome = decided().model_copy(update={"comment": text})
    texts = [render(Notice(message=requested)), render(Notice(message=outcome, about=requested))]

    shown = [
        *(it for one in texts for it in (one.headline, one.body)),
        bytes(request_page(requested, "ada").body).decode(),
        "\n".join(strings(notice_blocks(Notice(message=requested), (), buttons=True))),
    ]

    assert not [it for it in shown if trick in it]
    assert all("\\" in it for it in shown)  # escaped, not removed


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from strings(item)

"""What reviewers read is what the run wrote, whatever characters it put between."""

from collections.abc import Iterator
from typing import Any

import pytest

from perdure_notifier.channels.slack_blocks import blocks_of
from perdure_notifier.notice import Notice
from perdure_notifier.render import render
from perdure_notifier.replies.page import question_page
from tests.support.notifier import decided, request


@pytest.mark.parametrize("trick", ["\x1b[2K", "\u202e", "\u2066", "\r", "\x9b"])
def test_nothing_turns_around_or_wipes_out_what_is_asked(trick: str) -> None:
    text = f"Pay {trick}1 EUR"
    asked = request(title=text, details=text, action={text: text})
    told = decided().model_copy(update={"comment": text})
    words = [render(Notice(message=asked)), render(Notice(message=told, about=asked))]

    shown = [
        *(it for word in words for it in (word.headline, word.text)),
        bytes(question_page(asked, "ada").body).decode(),
        "\n".join(strings(blocks_of(Notice(message=asked), (), answers=True))),
    ]

    assert not [it for it in shown if trick in it]
    assert all("\\" in it for it in shown)  # it is spelled out, not left out


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from strings(item)

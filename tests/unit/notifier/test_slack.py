"""The Slack channel with Slack's SDK, against a local Slack server."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from perdure.approvers import Approver, ApproversFile, Directory
from perdure.bus import KeyValue, MemoryKeyValue
from perdure.config.channels import SlackSettings
from perdure.contracts import ApprovalEscalated, ApprovalExpired, ApprovalReminded, Policy
from perdure.errors import SetupError, Unavailable
from perdure_notifier.channels import Busy, Refused
from perdure_notifier.channels.registry import slack_client
from perdure_notifier.channels.slack import SlackChannel
from perdure_notifier.notice import Notice
from tests.support.notifier import alert, decided, request
from tests.support.people import approvers_file
from tests.support.slack_peer import TOKEN, SlackPeer, buttons_of, message_text, slack_peer

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
    settings = SlackSettings(channel="C1", **peer.addresses, **{"signing_secret_variable": "S", **more})
    return SlackChannel("desk", slack_client("desk", settings), settings, entries=entries, approvers=people)


async def test_a_request_shows_its_content_requester_deadline_and_two_buttons(
    peer: SlackPeer, desk: SlackChannel
) -> None:
    requested = request(
        details="Because <this> & that",
        action={"amount": 7},
        requester="eve",
        expires_at=datetime(2026, 12, 2, tzinfo=UTC),
        policy=Policy(roles=("finance",)),
        severity="high",
    )

    assert await desk.send([Notice(message=requested)]) == "posted as 1.0"

    (message,) = peer.calls_of("chat.postMessage")
    text = message_text(message)
    parts = ["[high] Pay 1?", "Because <this> & that", '"amount": 7', "eve", "<!date^1796169600", "<@UADA>"]
    assert [part for part in parts if part not in text] == []
    assert "<@UBOB>" not in text
    assert list(buttons_of(message)) == ["Approve", "Reject"]
    assert all(
        '"w.1"' in button["value"] and requested.digest in button["value"] for button in buttons_of(message).values()
    )
    assert message["metadata"]["event_payload"] == {"id": requested.message_id}


async def test_text_that_is_too_long_for_slack_is_cut(peer: SlackPeer, desk: SlackChannel) -> None:
    await desk.send([Notice(message=request(title="t" * 300, details="d" * 5_000, action=["&" * 5_000]))])

    (message,) = peer.calls_of("chat.postMessage")
    texts = [block["text"]["text"] for block in message["blocks"] if "text" in block]
    assert max(map(len, texts)) <= 3_000
    assert len(texts[0]) <= 150


@pytest.mark.parametrize("long", [{"title": "t" * 151}, {"details": "d" * 3_001}, {"action": ["&" * 700]}])
async def test_a_request_that_is_shown_only_in_part_has_no_buttons(
    peer: SlackPeer, desk: SlackChannel, long: dict[str, Any]
) -> None:
    await desk.send([Notice(message=request(**long))])

    (message,) = peer.calls_of("chat.postMessage")
    assert buttons_of(message) == {}
    hints = ("only a part", "perdure approvals show w.1", "perdure approve w.1")
    assert [part for part in hints if part not in message_text(message)] == []


async def test_a_request_that_just_fits_has_buttons(peer: SlackPeer, desk: SlackChannel) -> None:
    await desk.send([Notice(message=request(title="t" * 150, details="d" * 3_000, action=["a" * 2_900]))])

    assert list(buttons_of(peer.calls_of("chat.postMessage")[0])) == ["Approve", "Reject"]


async def test_text_from_elsewhere_is_shown_literally(peer: SlackPeer, desk: SlackChannel) -> None:
    trick = "~Pay 9000~ *On approval:* _Pay 90_ `x` <!channel> :tada:"
    requested = request(title=trick, details=trick, action=trick, requester=trick)
    settled = decided().model_copy(update={"comment": trick, "approver": trick})
    for notice in (
        Notice(message=requested),
        Notice(message=settled, about=requested),
        Notice(message=alert(title=trick)),
    ):
        await desk.send([notice])

    for method in ("chat.postMessage", "chat.update"):
        for message in peer.calls_of(method):
            assert trick in "".join(message_text(message, "plain_text"))
            acting = f"{message_text(message, 'mrkdwn')}\n{message['text']}"
            assert [part for part in ("~Pay", "*On approval:*\n~", "_Pay", "`x", "<!channel>") if part in acting] == []


async def test_empty_details_are_left_out(peer: SlackPeer, desk: SlackChannel) -> None:
    await desk.send([Notice(message=request(details="", action=""))])

    assert "" not in message_text(peer.calls_of("chat.postMessage")[0]).split("\n")


async def test_a_diff_is_shown_as_it_was_written(peer: SlackPeer, desk: SlackChannel) -> None:
    await desk.send([Notice(message=request(details="--- a\n+++ b\n-old\n+new"))])

    assert "```\n--- a\n+++ b\n-old\n+new\n```" in message_text(peer.calls_of("chat.postMessage")[0])


async def test_backticks_in_a_value_do_not_end_its_code_block(peer: SlackPeer, desk: SlackChannel) -> None:
    await desk.send([Notice(message=request(details="--- a\n```\n````<b>", action={"to": "``` *Approved*"}))])

    text = message_text(peer.calls_of("chat.postMessage")[0])
    assert text.count("```") == 2 * 2
    assert "`\u200b`\u200b`\u200b`&lt;b&gt;" in text


async def test_the_message_of_a_decided_request_is_updated(peer: SlackPeer, desk: SlackChannel) -> None:
    await desk.send([Notice(message=request())])

    assert await desk.send([Notice(message=decided(), about=request())]) == "updated 1.0"

    (message,) = peer.messages().values()
    assert buttons_of(message) == {}
    assert "*Approved* by ada\nFine." in message_text(message)


async def test_reminders_go_to_the_thread_and_escalations_also_to_the_channel(
    peer: SlackPeer, desk: SlackChannel
) -> None:
    requested = request(policy=Policy(roles=("finance",)))
    await desk.send([Notice(message=requested)])

    await desk.send([Notice(message=ApprovalReminded(**ABOUT, count=1), about=requested)])
    await desk.send([Notice(message=ApprovalEscalated(**ABOUT, to=("board",), count=1), about=requested)])

    reminder, escalation = peer.calls_of("chat.postMessage")[1:]
    assert (reminder["thread_ts"], reminder["reply_broadcast"]) == ("1.0", False)
    assert (escalation["thread_ts"], escalation["reply_broadcast"]) == ("1.0", True)
    assert "<@UBOB>" not in message_text(reminder)
    assert "<@UBOB>" in message_text(escalation)


async def test_another_process_updates_the_same_message(
    peer: SlackPeer, people: ApproversFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", TOKEN)
    entries = MemoryKeyValue()
    await channel(peer, people, entries).send([Notice(message=request())])
    expired = ApprovalExpired(**ABOUT, expired_at=datetime.now(UTC))

    await channel(peer, people, entries).send([Notice(message=expired, about=request())])

    (message,) = peer.messages().values()
    assert "nobody answered in time" in message_text(message)


async def test_the_outcome_of_a_request_that_was_never_posted_is_a_new_message(
    peer: SlackPeer, desk: SlackChannel
) -> None:
    await desk.send([Notice(message=decided(), about=request())])

    assert "ada approved: Pay 1?" in message_text(peer.calls_of("chat.postMessage")[0])


async def test_an_alert_is_a_message_without_buttons(peer: SlackPeer, desk: SlackChannel) -> None:
    await desk.send([Notice(message=alert(details={"order": 7}))])

    (message,) = peer.calls_of("chat.postMessage")
    assert buttons_of(message) == {}
    assert "It broke" in message_text(message)


async def test_a_digest_has_buttons_for_each_request(peer: SlackPeer, desk: SlackChannel) -> None:
    await desk.send([Notice(message=request(number)) for number in (1, 2, 3)])

    (message,) = peer.calls_of("chat.postMessage")
    elements = [block["elements"] for block in message["blocks"] if block["type"] == "actions"]
    values = [button["value"] for buttons in elements for button in buttons]
    assert [value.count("w.") for value in values] == [1] * 6


async def test_there_are_no_buttons_if_the_policy_or_the_configuration_does_not_allow_them(
    peer: SlackPeer, people: ApproversFile, desk: SlackChannel
) -> None:
    await desk.send([Notice(message=request(policy=Policy(proxies=False)))])
    without_secret = channel(peer, people, MemoryKeyValue(), signing_secret_variable=None)
    await without_secret.send([Notice(message=request())])

    assert [buttons_of(message) for message in peer.calls_of("chat.postMessage")] == [{}, {}]


@pytest.mark.parametrize("error", ["internal_error", 500, 503])
async def test_a_transient_error_makes_the_channel_unavailable(
    peer: SlackPeer, desk: SlackChannel, error: str | int
) -> None:
    peer.plan = [error]

    with pytest.raises(Unavailable):
        await desk.send([Notice(message=request())])


async def test_a_rate_limit_carries_slacks_retry_after(peer: SlackPeer, desk: SlackChannel) -> None:
    peer.plan = [429]

    with pytest.raises(Busy) as busy:
        await desk.send([Notice(message=request())])

    assert busy.value.retry_after == timedelta(seconds=7)


@pytest.mark.parametrize("error", ["channel_not_found", "invalid_auth", "not_in_channel"])
async def test_a_permanent_error_is_not_retried(peer: SlackPeer, desk: SlackChannel, error: str) -> None:
    peer.plan = [error]

    with pytest.raises(Refused, match=f"Slack answered {error}"):
        await desk.send([Notice(message=request())])


def test_a_missing_token_is_reported_with_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLACK_BOT_TOKEN", raising=False)

    with pytest.raises(SetupError, match="token of the Slack channel desk is missing: the variable SLACK_BOT_TOKEN"):
        slack_client("desk", SlackSettings(channel="C1"))


async def test_the_outcome_of_a_request_whose_message_was_deleted_is_a_new_message(
    peer: SlackPeer, desk: SlackChannel
) -> None:
    await desk.send([Notice(message=request())])
    peer.deleted = {"1.0"}

    assert await desk.send([Notice(message=decided(), about=request())]) == "posted as 2.0"

    assert "ada approved: Pay 1?" in message_text(peer.messages()["2.0"])


async def test_the_outcome_of_an_earlier_run_does_not_close_the_request_of_a_later_one(
    peer: SlackPeer, desk: SlackChannel
) -> None:
    await desk.send([Notice(message=request(run_id="later"))])

    await desk.send([Notice(message=decided(), about=request())])

    assert list(buttons_of(peer.messages()["1.0"])) == ["Approve", "Reject"]


async def test_a_digest_of_more_than_fifty_blocks_is_several_messages_and_each_is_updated(
    peer: SlackPeer, desk: SlackChannel
) -> None:
    requests = [request(number, details="d", action="a") for number in range(1, 21)]
    await desk.send([Notice(message=it) for it in requests])
    assert len(peer.messages()) > 1

    for number, it in enumerate(requests, start=1):
        await desk.send([Notice(message=decided(number), about=it)])

    assert [button for it in peer.messages().values() for button in buttons_of(it)] == []

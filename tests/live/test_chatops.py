"""People are notified and decide in Slack, by mail and by webhook, end to end on real servers."""

import json
import re
import time
from pathlib import Path

import httpx2
from standardwebhooks import Webhook
from temporalio.client import Client

from perdure.config.channels import CHANNEL_KINDS
from tests.support.channel_suite import (
    ANSWERS,
    HOOK,
    Answers,
    Channels,
    eventually,
    open_channels,
    post,
    signed_post,
)
from tests.support.mail_server import text_of
from tests.support.slack_peer import buttons_of, message_text


async def test_people_decide_on_every_channel(tmp_path: Path) -> None:
    async with open_channels(tmp_path) as channels:
        await a_click_in_slack_approves(channels)
        await a_dialog_in_slack_rejects(channels)
        await a_request_without_slacks_signature_changes_nothing(channels)
        await a_link_in_a_mail_approves(channels)
        await a_signed_post_approves(channels)
        await a_policy_without_proxies_refuses_them(channels)
        await an_answer_to_what_is_decided_elsewhere_is_refused_on_every_channel(channels)
        await an_answer_to_a_run_that_was_terminated_is_refused_on_every_channel(channels)
        await nothing_is_lost_when_the_notifier_is_killed(channels)


async def a_click_in_slack_approves(channels: Channels) -> None:
    requested = await channels.request("click")
    button = buttons_of(channels.message(requested))["Approve"]

    assert (await channels.slack.click(channels.notifier, button, "UADA")).status_code == 200

    decided = await channels.decided(requested)
    assert [(vote.approver, vote.proxy) for vote in decided.votes] == [("ada", "notifier")]
    shown = channels.message(requested)
    assert (buttons_of(shown), "*Approved* by ada" in message_text(shown)) == ({}, True)
    await eventually(lambda: "settles the request" in channels.slack.ephemeral[-1]["text"])


async def a_dialog_in_slack_rejects(channels: Channels) -> None:
    requested = await channels.request("dialog")
    await channels.slack.click(channels.notifier, buttons_of(channels.message(requested))["Reject"], "UADA")
    await channels.slack.submit(channels.notifier, "Too dear.", "UADA")

    decided = await channels.decided(requested)
    assert (decided.decision, decided.comment) == ("reject", "Too dear.")
    assert "*Rejected* by ada\nToo dear." in message_text(channels.message(requested))


async def a_request_without_slacks_signature_changes_nothing(channels: Channels) -> None:
    requested = await channels.request("forged")
    click = channels.slack.click_payload(buttons_of(channels.message(requested))["Approve"], "UADA")
    body = f"payload={json.dumps(click)}".encode()
    slack_headers = channels.slack.signed(body, str(int(time.time())))

    tampered = await post(f"{channels.notifier}/slack/desk", body.replace(b"UADA", b"UBOB"), slack_headers)
    old = await channels.slack.post(channels.notifier, click, age=301)
    assert (tampered.status_code, old.status_code) == (401, 401)
    assert await channels.receipts(requested) == []

    responses = [await post(f"{channels.notifier}/slack/desk", body, slack_headers) for _ in range(2)]
    assert [response.status_code for response in responses] == [200, 401], "the second one is a replay"
    await channels.decided(requested)
    assert len(await channels.receipts(requested)) == 1


async def a_link_in_a_mail_approves(channels: Channels) -> None:
    requested = await channels.request("mail")
    mail = next(it for it in channels.mail.mails if requested.request_id in text_of(it))
    (path,) = re.findall(r"https://approve\.example\.com(/answer/\S+)", text_of(mail))
    link = f"{channels.notifier}{path}"
    async with httpx2.AsyncClient() as scanner:
        page = await scanner.get(link)
    assert "Pay &lt;mail&gt;?" in page.text
    assert await channels.receipts(requested) == []

    responses = [await post(link, b"decision=approve&comment=Fine.") for _ in range(2)]

    assert ("Your decision was accepted" in responses[0].text, responses[1].status_code) == (True, 410)
    decided = await channels.decided(requested)
    assert (mail["To"], decided.approver, decided.comment) == ("ada@example.com", "ada", "Fine.")


async def a_signed_post_approves(channels: Channels) -> None:
    requested = await channels.request("hook")
    notice = next(it for it in channels.posts if requested.request_id.encode() in it.body)
    shown = Webhook(HOOK).verify(notice.body, notice.headers)["data"]["message"]
    decision = {"request_id": shown["request_id"], "digest": shown["digest"], "decision": "approve", "approver": "ada"}

    response = await signed_post(channels, "msg_1", decision)

    assert (response.status_code, response.json()["accepted"]) == (200, True)
    await channels.decided(requested)


async def a_policy_without_proxies_refuses_them(channels: Channels) -> None:
    requested = await channels.request("own", proxies=False)
    decision = {
        "request_id": requested.request_id,
        "digest": requested.digest,
        "decision": "approve",
        "approver": "ada",
    }

    response = await signed_post(channels, "msg_2", decision)

    assert (response.json()["accepted"], response.json()["code"]) == (False, "not_allowed")
    assert buttons_of(channels.message(requested)) == {}


async def an_answer_to_what_is_decided_elsewhere_is_refused_on_every_channel(channels: Channels) -> None:
    requested = await channels.request("elsewhere")
    answers = Answers(channels, requested)
    about = {"request_id": requested.request_id, "digest": requested.digest}
    await signed_post(channels, "msg_elsewhere", {**about, "decision": "reject", "approver": "ada"})
    await channels.decided(requested)

    refused = {kind: await ANSWERS[kind](answers) for kind in CHANNEL_KINDS}

    assert {kind: sentence for kind, sentence in refused.items() if not says_closed(sentence)} == {}


async def an_answer_to_a_run_that_was_terminated_is_refused_on_every_channel(channels: Channels) -> None:
    requested = await channels.request("terminated")
    answers = Answers(channels, requested)
    temporal = await Client.connect(channels.world.suite.endpoints.temporal)
    await temporal.get_workflow_handle(requested.workflow_id).terminate(reason="out of patience")
    await channels.world.stories(requested.workflow_id)

    refused = {kind: await ANSWERS[kind](answers) for kind in CHANNEL_KINDS}

    assert {kind: sentence for kind, sentence in refused.items() if not says_closed(sentence)} == {}
    await eventually(lambda: buttons_of(channels.message(requested)) == {})


def says_closed(sentence: str) -> bool:
    words = ("ada decided it before", "This request is closed", "it has ended", "is not open", " has ended.")
    return any(word in sentence for word in words)


async def nothing_is_lost_when_the_notifier_is_killed(channels: Channels) -> None:
    channels.world.suite.supervisor.kill("notifier")

    requested = await channels.request("killed")
    await channels.slack.click(channels.notifier, buttons_of(channels.message(requested))["Approve"], "UADA")

    assert (await channels.decided(requested)).decision == "approve"

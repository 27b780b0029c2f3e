"""Decisions over HTTP: who is authenticated, what is published for them, and what changes nothing."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from standardwebhooks import Webhook

from perdure.approvers import Approver, ApproversFile, Directory, Proxy, PublicKey, SigningKey
from perdure.bus import MemoryBus, MemoryKeyValue
from perdure.config.settings import Settings
from perdure.contracts import LONGEST_COMMENT, Decision, Receipt
from perdure.runtime.endpoints import Health, endpoints
from perdure_notifier.replies.http import reply_app
from perdure_notifier.replies.links import Links
from tests.support.notifier import decided, request
from tests.support.people import approvers_file
from tests.support.ports import free_port
from tests.support.slack_peer import SECRET as SLACK_SECRET
from tests.support.slack_peer import TOKEN, SlackPeer, slack_peer

KEY = SigningKey.new()
HOOK = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
REQUEST = request(opened_at=datetime.now(UTC), details="<script>alert(1)</script>", action={"amount": 7})
VALUE = json.dumps({"request_id": "w.1", "digest": "a" * 64})
APPROVE, REJECT = ({"action_id": f"perdure_{choice}", "value": VALUE} for choice in ("approve", "reject"))


@dataclass
class Front:
    """The notifier's HTTP application on a real port, with an in-memory bus."""

    url: str
    bus: MemoryBus
    entries: MemoryKeyValue
    people: ApproversFile
    peer: SlackPeer
    client: httpx2.AsyncClient

    @property
    def decisions(self) -> list[Decision]:
        return [message for message in self.bus.published if isinstance(message, Decision)]

    async def publish_receipt(self, decision_id: str, code: str = "accepted") -> None:
        """Publish the receipt of a decision, as an orchestrator would."""
        fields = {"request_id": "w.1", "decision_id": decision_id, "accepted": code == "accepted", "code": code}
        await self.bus.publish(Receipt.model_validate({**fields, "reason": "because"}))

    def link(self, approver: str = "ada", **changed: Any) -> str:
        return Links(KEY, self.url).make(REQUEST.model_copy(update=changed), approver)

    async def post(self, body: bytes, headers: dict[str, str]) -> httpx2.Response:
        return await self.client.post(f"{self.url}/decisions/hook", content=body, headers=headers)


@pytest.fixture
async def front(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Front]:
    for name, value in {"SLACK_BOT_TOKEN": TOKEN, "SLACK_SECRET": SLACK_SECRET, "HOOK": HOOK}.items():
        monkeypatch.setenv(name, value)
    proxies = {"notifier": Proxy(keys=(PublicKey(public=KEY.public),))}
    known = Directory(approvers={"ada": Approver(slack="UADA")}, proxies=proxies)
    people = approvers_file(tmp_path / "approvers.yaml", known)
    bus, entries = MemoryBus(), MemoryKeyValue()
    await bus.publish(REQUEST)
    with slack_peer() as peer:
        settings = configured(peer)
        app, health = reply_app(settings, bus=bus, entries=entries, approvers=people, key=KEY), Health("notifier")
        serving = endpoints(settings.notifier, health)
        async with serving, app as health.front, httpx2.AsyncClient() as client:
            yield Front(str(settings.notifier.url).rstrip("/"), bus, entries, people, peer, client)


def configured(peer: SlackPeer) -> Settings:
    slack = {"channel": "C1", "signing_secret_variable": "SLACK_SECRET", **peer.addresses}
    hook = {"url": "https://hook.example.com", "secret_variable": "HOOK", "answers": True}
    channels, port = {"desk": {"slack": slack}, "hook": {"webhook": hook}}, free_port()
    notifier = {"channels": channels, "url": f"http://127.0.0.1:{port}", "http_port": port}
    return Settings.model_validate({"notifier": notifier})


def is_signed_by_the_notifier(decision: Decision, people: ApproversFile) -> bool:
    return people.current().identify(decision.model_dump(mode="json"), datetime.now(UTC)).proxy == "notifier"


async def test_a_click_in_slack_is_a_decision_of_the_person_who_clicked(front: Front) -> None:
    response = await front.peer.click(front.url, APPROVE, "UADA")

    assert response.status_code == 200
    (decision,) = front.decisions
    assert (decision.approver, decision.decision, decision.request_id) == ("ada", "approve", "w.1")
    assert is_signed_by_the_notifier(decision, front.people)


async def test_only_the_person_who_clicked_sees_the_receipt(front: Front) -> None:
    await front.peer.click(front.url, APPROVE, "UADA")
    await front.publish_receipt(front.decisions[0].message_id, "not_allowed")

    await ephemeral_message(front.peer)
    assert front.peer.ephemeral == [
        {"text": ":no_entry: because", "response_type": "ephemeral", "replace_original": False}
    ]


async def test_a_rejection_requires_a_reason(front: Front) -> None:
    await front.peer.click(front.url, REJECT, "UADA")
    assert front.decisions == []
    (field,) = [
        block["element"] for block in front.peer.calls_of("views.open")[0]["view"]["blocks"] if "element" in block
    ]
    assert field["max_length"] == 3_000

    assert (await front.peer.submit(front.url, "  ", "UADA")).json()["response_action"] == "errors"
    await front.peer.submit(front.url, "Too dear.", "UADA")

    (decision,) = front.decisions
    assert (decision.decision, decision.comment) == ("reject", "Too dear.")


async def test_a_click_by_an_unknown_slack_user_is_refused_with_an_explanation(front: Front) -> None:
    await front.peer.click(front.url, APPROVE, "UEVE")

    await ephemeral_message(front.peer)
    assert "slack: UEVE" in front.peer.ephemeral[0]["text"]
    assert front.decisions == []


async def test_slack_gets_an_error_if_a_decision_cannot_be_stored(front: Front) -> None:
    front.peer.plan = ["trigger_expired"]
    no_dialog = await front.peer.click(front.url, REJECT, "UADA")
    front.people.path.write_text("approvers: [broken")
    nobody_known = await front.peer.click(front.url, APPROVE, "UADA")

    assert (no_dialog.status_code, nobody_known.status_code) == (502, 503)
    assert front.decisions == []


async def test_a_request_without_slacks_signature_is_refused(front: Front) -> None:
    click = front.peer.click_payload(APPROVE, "UADA")

    responses = [
        await front.peer.post(front.url, click, headers={"x-slack-signature": "v0=" + "0" * 64}),
        await front.peer.post(front.url, click, headers={"x-slack-request-timestamp": str(int(time.time()) + 1)}),
        await front.peer.post(front.url, click, headers={"x-slack-request-timestamp": "soon"}),
        await front.peer.post(front.url, click, age=301),
    ]

    assert [response.status_code for response in responses] == [401] * 4
    assert front.decisions == []


async def test_a_click_in_another_workspace_or_by_a_guest_from_one_is_refused(front: Front) -> None:
    click = front.peer.click_payload(APPROVE, "UADA")

    responses = [
        await front.peer.post(front.url, {**click, "team": {"id": "T0EVE"}}),
        await front.peer.post(front.url, {**click, "user": {"id": "UADA", "team_id": "T0EVE"}}),
        await front.peer.post(front.url, {**click, "team": None}),
    ]

    assert [response.status_code for response in responses] == [403, 403, 400]
    assert front.decisions == []


@pytest.mark.parametrize(
    "url",
    ["http://evil.example/response", "{}@evil.example/", "https://evil.example/{}", "http://[", "/response", "{}x"],
)
async def test_results_are_posted_to_slack_only(front: Front, url: str) -> None:
    url = url.format(f"{front.peer.url}")
    click = {**front.peer.click_payload(APPROVE, "UADA"), "response_url": url}
    await front.peer.click(front.url, REJECT, "UADA")
    view = front.peer.calls_of("views.open")[0]["view"]
    view["private_metadata"] = json.dumps({**json.loads(view["private_metadata"]), "response_url": url})

    responses = [await front.peer.post(front.url, click), await front.peer.submit(front.url, "No.", "UADA")]

    assert {response.status_code for response in responses} <= {400, 403}
    assert front.decisions == []
    assert front.peer.ephemeral == []


async def test_a_repeated_slack_request_is_refused(front: Front) -> None:
    click = front.peer.click_payload(APPROVE, "UADA")
    body = f"payload={json.dumps(click)}".encode()
    headers = front.peer.signed(body, str(int(time.time())))

    responses = [await front.client.post(f"{front.url}/slack/desk", content=body, headers=headers) for _ in range(2)]

    assert [response.status_code for response in responses] == [200, 401]
    assert len(front.decisions) == 1


async def test_a_posted_decision_gets_its_receipt_as_the_response(front: Front) -> None:
    body, headers = posted("msg_1")
    await front.publish_receipt("w.1.ada.webhook.msg_1")

    responses = [await front.post(body, headers) for _ in range(2)]

    assert [(response.status_code, response.json()["code"]) for response in responses] == [(200, "accepted")] * 2
    (decision,) = front.decisions
    assert (decision.approver, decision.comment) == ("ada", "Fine.")
    assert is_signed_by_the_notifier(decision, front.people)


async def test_a_post_that_is_tampered_with_or_old_or_not_a_decision_is_refused(front: Front) -> None:
    body, headers = posted("msg_1")
    old_body, old = posted("msg_2", age=301)
    odd_body, odd = posted("msg_3", decision="perhaps")
    long_body, long = posted("msg_4", comment="c" * 16_385)

    responses = [
        await front.post(body.replace(b"approve", b"reject "), headers),
        await front.post(body, {**headers, "webhook-id": "msg_9"}),
        await front.post(body, {**headers, "webhook-signature": "nonsense"}),
        await front.post(body, {}),
        await front.post(old_body, old),
        await front.post(odd_body, odd),
        await front.post(long_body, long),
        await front.post(b"x" * 300_000, headers),
    ]

    assert [response.status_code for response in responses] == [401] * 5 + [400, 400, 413]
    assert "decision" in responses[5].text
    assert "comment: String should have at most 16384 characters" in responses[6].text
    assert front.decisions == []


async def test_opening_a_link_changes_nothing(front: Front) -> None:
    for method in ("GET", "HEAD", "OPTIONS"):
        await front.client.request(method, front.link())
    page = await front.client.get(front.link())

    assert front.decisions == []
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page.text
    assert "<script>" not in page.text
    assert "&quot;amount&quot;: 7" in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert (page.headers["referrer-policy"], page.headers["cache-control"]) == ("no-referrer", "no-store")


async def test_a_link_works_once(front: Front) -> None:
    link = front.link()
    nonce = Links(KEY, front.url).read(link.rpartition("/")[2], datetime.now(UTC)).nonce
    await front.publish_receipt(f"w.1.ada.{nonce}.approve")

    first = await front.client.post(link, data={"decision": "approve", "comment": "Fine."})
    second = await front.client.post(link, data={"decision": "reject", "comment": "No."})

    assert "Your decision was accepted" in first.text
    assert (second.status_code, "It works once" in second.text) == (410, True)
    (decision,) = front.decisions
    assert (decision.approver, decision.decision, decision.comment) == ("ada", "approve", "Fine.")
    assert is_signed_by_the_notifier(decision, front.people)


async def test_readers_of_the_bus_cannot_predict_the_decision_id_of_a_link(front: Front) -> None:
    """Otherwise they could publish a decision under that id first, and its receipt would be shown."""
    mine, others = (
        (links := Links(key, front.url)).read(links.make(REQUEST, "ada").rpartition("/")[2], REQUEST.opened_at).nonce
        for key in (KEY, SigningKey.new())
    )

    assert mine != others


async def test_the_receipt_of_another_decision_with_the_same_id_is_not_shown(front: Front) -> None:
    link = front.link()
    nonce = Links(KEY, front.url).read(link.rpartition("/")[2], datetime.now(UTC)).nonce
    decision_id = f"w.1.ada.{nonce}.approve"
    about = {"request_id": "w.1", "decision_id": decision_id, "place": "DECISIONS.99"}
    await front.bus.publish(Receipt(**about, accepted=False, code="forged", reason="no"))
    await front.publish_receipt(decision_id)

    assert "Your decision was accepted" in (await front.client.post(link, data={"decision": "approve"})).text


async def test_a_forged_changed_or_expired_link_does_nothing(front: Front) -> None:
    link = front.link()
    forged = Links(SigningKey.new(), front.url).make(REQUEST, "ada")
    old = front.link(opened_at=datetime.now(UTC) - timedelta(days=31))
    links = [forged, old, link[:-4], f"{link[:-4]}AAAA", f"{front.url}/answer/x", f"{front.url}/answer/="]

    responses = [await front.client.post(it, data={"decision": "approve"}) for it in links]

    assert [response.status_code for response in responses] == [410] * len(links)
    assert front.decisions == []


async def test_a_comment_that_is_too_long_is_refused(front: Front) -> None:
    response = await front.client.post(
        front.link(), data={"decision": "reject", "comment": "x" * (LONGEST_COMMENT + 1)}
    )

    assert (response.status_code, "The limit is 16,384" in response.text) == (400, True)
    assert front.decisions == []


async def test_the_link_of_a_settled_request_shows_that_it_is_closed(front: Front) -> None:
    await front.bus.publish(decided())

    assert "This request is closed" in (await front.client.get(front.link())).text


@pytest.mark.parametrize("changed", [{"digest": "b" * 64}, {"run_id": "later"}, {"first_run_id": "other"}])
async def test_a_link_shows_and_decides_the_request_that_was_sent_and_no_other_with_its_id(
    front: Front, changed: dict[str, str]
) -> None:
    link = front.link()
    await front.bus.publish(decided())
    await front.bus.publish(REQUEST.model_copy(update={"run_id": "later", **changed, "title": "Another"}))

    page = await front.client.get(link)
    response = await front.client.post(link, data={"decision": "approve"})

    assert "Another" not in page.text
    assert (page.status_code, response.status_code) == (410, 410)
    assert front.decisions == []


async def test_of_two_open_requests_with_one_id_a_link_shows_its_own(front: Front) -> None:
    link = front.link()
    await front.bus.publish(REQUEST.model_copy(update={"run_id": "later", "digest": "b" * 64, "title": "Another"}))

    nonce = Links(KEY, front.url).read(link.rpartition("/")[2], datetime.now(UTC)).nonce
    await front.publish_receipt(f"w.1.ada.{nonce}.approve")

    assert "Pay 1?" in (await front.client.get(link)).text
    await front.client.post(link, data={"decision": "approve"})
    assert [decision.digest for decision in front.decisions] == [REQUEST.digest]


async def test_an_unknown_choice_is_refused(front: Front) -> None:
    response = await front.client.post(front.link(), data={"decision": "perhaps"})

    assert response.status_code == 400
    assert front.decisions == []


async def test_other_paths_do_not_exist(front: Front) -> None:
    paths = ["/", "/slack/other", "/decisions/desk", "/answer/"]

    responses = [(await front.client.post(f"{front.url}{path}")).status_code for path in paths]

    assert responses == [404] * len(paths)
    assert (await front.client.get(f"{front.url}/healthz")).status_code == 200


def posted(message_id: str, *, age: int = 0, **changed: str) -> tuple[bytes, dict[str, str]]:
    fields = {"request_id": "w.1", "digest": "a" * 64, "decision": "approve", "approver": "ada", "comment": "Fine."}
    body, at = json.dumps({**fields, **changed}), datetime.now(UTC) - timedelta(seconds=age)
    signature = Webhook(HOOK).sign(message_id, at, body)
    stamp = str(int(at.timestamp()))
    return body.encode(), {"webhook-id": message_id, "webhook-timestamp": stamp, "webhook-signature": signature}


async def ephemeral_message(peer: SlackPeer) -> None:
    async with asyncio.timeout(20):
        while not peer.ephemeral:
            await asyncio.sleep(0.01)

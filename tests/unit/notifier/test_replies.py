"""What people answer over HTTP: who is let in, what is said for them, and what changes nothing."""

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
from prometheus_client import CollectorRegistry
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
ASKED = request(opened_at=datetime.now(UTC), details="<script>alert(1)</script>", action={"amount": 7})
VALUE = json.dumps({"request_id": "w.1", "digest": "a" * 64})
APPROVE, REJECT = ({"action_id": f"perdure_{said}", "value": VALUE} for said in ("approve", "reject"))


@dataclass
class House:
    """A notifier's front over real HTTP, on a bus in memory."""

    url: str
    bus: MemoryBus
    entries: MemoryKeyValue
    people: ApproversFile
    peer: SlackPeer
    client: httpx2.AsyncClient

    @property
    def said(self) -> list[Decision]:
        return [message for message in self.bus.published if isinstance(message, Decision)]

    async def judged(self, decision_id: str, code: str = "accepted") -> None:
        """Give a decision its receipt, as an orchestrator would."""
        said = {"request_id": "w.1", "decision_id": decision_id, "accepted": code == "accepted", "code": code}
        await self.bus.publish(Receipt.model_validate({**said, "reason": "because"}))

    def link(self, approver: str = "ada", **changed: Any) -> str:
        return Links(KEY, self.url).make(ASKED.model_copy(update=changed), approver)

    async def post(self, body: bytes, headers: dict[str, str]) -> httpx2.Response:
        return await self.client.post(f"{self.url}/decisions/hook", content=body, headers=headers)


@pytest.fixture
async def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    for name, value in {"SLACK_BOT_TOKEN": TOKEN, "SLACK_SECRET": SLACK_SECRET, "HOOK": HOOK}.items():
        monkeypatch.setenv(name, value)
    proxies = {"notifier": Proxy(keys=(PublicKey(public=KEY.public),))}
    known = Directory(approvers={"ada": Approver(slack="UADA")}, proxies=proxies)
    people = approvers_file(tmp_path / "approvers.yaml", known)
    bus, entries = MemoryBus(), MemoryKeyValue()
    await bus.publish(ASKED)
    with slack_peer() as peer:
        settings = configured(peer)
        front, health = reply_app(settings, bus=bus, entries=entries, approvers=people, key=KEY), Health()
        serving = endpoints(settings.notifier, health, CollectorRegistry())
        async with serving, front as health.front, httpx2.AsyncClient() as client:
            yield House(str(settings.notifier.url).rstrip("/"), bus, entries, people, peer, client)


def configured(peer: SlackPeer) -> Settings:
    slack = {"channel": "C1", "base_url": f"{peer.url}/api/", "signing_secret_variable": "SLACK_SECRET"}
    hook = {"url": "https://hook.example.com", "secret_variable": "HOOK", "answers": True}
    channels, port = {"desk": {"slack": slack}, "hook": {"webhook": hook}}, free_port()
    said = {"channels": channels, "url": f"http://127.0.0.1:{port}", "http_port": port}
    return Settings.model_validate({"notifier": said})


def is_the_notifiers(decision: Decision, people: ApproversFile) -> bool:
    return people.current().identify(decision.model_dump(mode="json"), datetime.now(UTC)).proxy == "notifier"


async def test_a_click_in_slack_is_a_decision_of_the_one_who_clicked(house: House) -> None:
    answer = await house.peer.click(house.url, APPROVE, "UADA")

    assert answer.status_code == 200
    (decision,) = house.said
    assert (decision.approver, decision.decision, decision.request_id) == ("ada", "approve", "w.1")
    assert is_the_notifiers(decision, house.people)


async def test_the_one_who_clicked_is_told_what_became_of_it_and_nobody_else(house: House) -> None:
    await house.peer.click(house.url, APPROVE, "UADA")
    await house.judged(house.said[0].message_id, "not_allowed")

    await told(house.peer)
    assert house.peer.told == [{"text": ":no_entry: because", "response_type": "ephemeral", "replace_original": False}]


async def test_whoever_rejects_is_asked_why(house: House) -> None:
    await house.peer.click(house.url, REJECT, "UADA")
    assert house.said == []
    (field,) = [block["element"] for block in house.peer.of("views.open")[0]["view"]["blocks"] if "element" in block]
    assert field["max_length"] == 3_000

    assert (await house.peer.submit(house.url, "  ", "UADA")).json()["response_action"] == "errors"
    await house.peer.submit(house.url, "Too dear.", "UADA")

    (decision,) = house.said
    assert (decision.decision, decision.comment) == ("reject", "Too dear.")


async def test_who_is_not_known_by_slack_says_nothing_and_is_told(house: House) -> None:
    await house.peer.click(house.url, APPROVE, "UEVE")

    await told(house.peer)
    assert "slack: UEVE" in house.peer.told[0]["text"]
    assert house.said == []


async def test_what_cannot_be_taken_now_is_said_to_slack_at_once(house: House) -> None:
    house.peer.plan = ["trigger_expired"]
    no_dialog = await house.peer.click(house.url, REJECT, "UADA")
    house.people.path.write_text("approvers: [broken")
    nobody_known = await house.peer.click(house.url, APPROVE, "UADA")

    assert (no_dialog.status_code, nobody_known.status_code) == (502, 503)
    assert house.said == []


async def test_what_is_not_signed_by_slack_is_refused(house: House) -> None:
    click = house.peer.clicked(APPROVE, "UADA")

    answers = [
        await house.peer.post(house.url, click, headers={"x-slack-signature": "v0=" + "0" * 64}),
        await house.peer.post(house.url, click, headers={"x-slack-request-timestamp": str(int(time.time()) + 1)}),
        await house.peer.post(house.url, click, headers={"x-slack-request-timestamp": "soon"}),
        await house.peer.post(house.url, click, age=301),
    ]

    assert [answer.status_code for answer in answers] == [401] * 4
    assert house.said == []


async def test_what_slack_said_once_is_refused_when_it_is_said_again(house: House) -> None:
    click = house.peer.clicked(APPROVE, "UADA")
    body = f"payload={json.dumps(click)}".encode()
    headers = house.peer.signed(body, str(int(time.time())))

    answers = [await house.client.post(f"{house.url}/slack/desk", content=body, headers=headers) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 401]
    assert len(house.said) == 1


async def test_a_decision_can_be_posted_and_is_answered_with_its_receipt(house: House) -> None:
    body, headers = posted("msg_1")
    await house.judged("w.1.ada.webhook.msg_1")

    answers = [await house.post(body, headers) for _ in range(2)]

    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(200, "accepted")] * 2
    (decision,) = house.said
    assert (decision.approver, decision.comment) == ("ada", "Fine.")
    assert is_the_notifiers(decision, house.people)


async def test_a_post_that_is_tampered_with_old_or_no_decision_is_refused(house: House) -> None:
    body, headers = posted("msg_1")
    old_body, old = posted("msg_2", age=301)
    odd_body, odd = posted("msg_3", decision="perhaps")
    long_body, long = posted("msg_4", comment="c" * 16_385)

    answers = [
        await house.post(body.replace(b"approve", b"reject "), headers),
        await house.post(body, {**headers, "webhook-id": "msg_9"}),
        await house.post(body, {**headers, "webhook-signature": "nonsense"}),
        await house.post(body, {}),
        await house.post(old_body, old),
        await house.post(odd_body, odd),
        await house.post(long_body, long),
        await house.post(b"x" * 300_000, headers),
    ]

    assert [answer.status_code for answer in answers] == [401] * 5 + [400, 400, 413]
    assert "decision" in answers[5].text
    assert "comment: String should have at most 16384 characters" in answers[6].text
    assert house.said == []


async def test_looking_at_a_link_changes_nothing(house: House) -> None:
    for method in ("GET", "HEAD", "OPTIONS"):
        await house.client.request(method, house.link())
    page = await house.client.get(house.link())

    assert house.said == []
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page.text
    assert "<script>" not in page.text
    assert "&quot;amount&quot;: 7" in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert (page.headers["referrer-policy"], page.headers["cache-control"]) == ("no-referrer", "no-store")


async def test_a_click_behind_a_link_counts_once(house: House) -> None:
    link = house.link()
    nonce = Links(KEY, house.url).read(link.rpartition("/")[2], datetime.now(UTC)).nonce
    await house.judged(f"w.1.ada.{nonce}.approve")

    first = await house.client.post(link, data={"decision": "approve", "comment": "Fine."})
    second = await house.client.post(link, data={"decision": "reject", "comment": "No."})

    assert "Your answer counts" in first.text
    assert (second.status_code, "It works once" in second.text) == (410, True)
    (decision,) = house.said
    assert (decision.approver, decision.decision, decision.comment) == ("ada", "approve", "Fine.")
    assert is_the_notifiers(decision, house.people)


async def test_nobody_who_reads_the_bus_knows_by_which_id_a_link_will_answer(house: House) -> None:
    """Else they could say something under it first: it would be taken for the answer, or its receipt be shown."""
    mine, others = (
        (links := Links(key, house.url)).read(links.make(ASKED, "ada").rpartition("/")[2], ASKED.opened_at).nonce
        for key in (KEY, SigningKey.new())
    )

    assert mine != others


async def test_a_receipt_of_what_somebody_else_said_under_the_same_id_is_not_shown(house: House) -> None:
    link = house.link()
    nonce = Links(KEY, house.url).read(link.rpartition("/")[2], datetime.now(UTC)).nonce
    decision_id = f"w.1.ada.{nonce}.approve"
    about = {"request_id": "w.1", "decision_id": decision_id, "place": "DECISIONS.99"}
    await house.bus.publish(Receipt(**about, accepted=False, code="forged", reason="no"))
    await house.judged(decision_id)

    assert "Your answer counts" in (await house.client.post(link, data={"decision": "approve"})).text


async def test_a_link_that_is_made_up_changed_or_old_does_nothing(house: House) -> None:
    link = house.link()
    stranger = Links(SigningKey.new(), house.url).make(ASKED, "ada")
    old = house.link(opened_at=datetime.now(UTC) - timedelta(days=31))
    links = [stranger, old, link[:-4], f"{link[:-4]}AAAA", f"{house.url}/answer/x", f"{house.url}/answer/="]

    answers = [await house.client.post(it, data={"decision": "approve"}) for it in links]

    assert [answer.status_code for answer in answers] == [410] * len(links)
    assert house.said == []


async def test_a_comment_that_is_too_long_says_nothing(house: House) -> None:
    answer = await house.client.post(house.link(), data={"decision": "reject", "comment": "x" * (LONGEST_COMMENT + 1)})

    assert (answer.status_code, "at most 16,384" in answer.text) == (400, True)
    assert house.said == []


async def test_a_link_whose_request_is_settled_says_so(house: House) -> None:
    await house.bus.publish(decided())

    assert "Nothing to answer any more" in (await house.client.get(house.link())).text


async def test_a_button_that_is_none_says_nothing(house: House) -> None:
    answer = await house.client.post(house.link(), data={"decision": "perhaps"})

    assert answer.status_code == 400
    assert house.said == []


async def test_what_else_is_asked_for_is_not_there(house: House) -> None:
    paths = ["/", "/slack/other", "/decisions/desk", "/answer/"]

    answers = [(await house.client.post(f"{house.url}{path}")).status_code for path in paths]

    assert answers == [404] * len(paths)
    assert (await house.client.get(f"{house.url}/healthz")).status_code == 200


def posted(message_id: str, *, age: int = 0, **changed: str) -> tuple[bytes, dict[str, str]]:
    said = {"request_id": "w.1", "digest": "a" * 64, "decision": "approve", "approver": "ada", "comment": "Fine."}
    body, at = json.dumps({**said, **changed}), datetime.now(UTC) - timedelta(seconds=age)
    signature = Webhook(HOOK).sign(message_id, at, body)
    stamp = str(int(at.timestamp()))
    return body.encode(), {"webhook-id": message_id, "webhook-timestamp": stamp, "webhook-signature": signature}


async def told(peer: SlackPeer) -> None:
    async with asyncio.timeout(20):
        while not peer.told:
            await asyncio.sleep(0.01)

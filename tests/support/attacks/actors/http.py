"""What somebody who reaches the HTTP ports cannot do, with or without a secret of one of the doors."""

import asyncio
import base64
import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import httpx2

from perdure.bus import decode
from perdure.contracts import ApprovalRequested, Receipt, to_token
from perdure.local.loopback import loopback_client
from tests.support.attacks.attack import Attack, Move
from tests.support.attacks.channels import HOOK
from tests.support.attacks.suite import WITHIN, AttackedSuite
from tests.support.attacks.web import asked, button, link, posted, slack_call, slack_payload

OTHER = "whsec_" + base64.b64encode(b"another secret of 24 byte").decode()
EVIL = "https://hooks.slack.com.evil.example/response"


# The webhook


def posts(*, secret: str = HOOK, age: float = 0, headers: dict[str, str | None] | None = None, **changes: Any) -> Move:
    """Post an approval of ada to the webhook's door, and return the status."""

    async def act(suite: AttackedSuite) -> str:
        body, signed = posted(suite, await suite.request(), secret=secret, age=age, **changes)
        sent = {name: value for name, value in {**signed, **(headers or {})}.items() if value is not None}
        return str((await asked(suite, "/decisions/hook", body, **sent)).status_code)

    return act


def posts_for(**changes: Any) -> Move:
    """Post a signed decision to the webhook's door, and return the code of the receipt in the response."""

    policy = changes.pop("policy", {"roles": ["editor"]})

    async def act(suite: AttackedSuite) -> str:
        body, signed = posted(suite, await suite.request(policy=policy), **changes)
        return await answered_code(suite, await asked(suite, "/decisions/hook", body, **signed), body)

    return act


async def answered_code(suite: AttackedSuite, answer: httpx2.Response, body: bytes) -> str:
    """Return the code in a response; if judging took longer than five seconds, it names the decision only."""
    if answer.status_code != 202:
        return str(answer.json()["code"])
    async with asyncio.timeout(WITHIN):
        async for stored in suite.bus.subscribe(f"receipts.{to_token(json.loads(body)['request_id'])}", replay=True):
            receipt = decode(stored.raw)
            assert isinstance(receipt, Receipt)
            if receipt.is_final and receipt.decision_id == answer.json()["decision_id"]:
                return receipt.code
    raise AssertionError("the bus was closed")


async def a_changed_post(suite: AttackedSuite) -> str:
    body, signed = posted(suite, await suite.request())
    return str((await asked(suite, "/decisions/hook", body.replace(b"approve", b"reject "), **signed)).status_code)


async def a_repeated_post(suite: AttackedSuite) -> str:
    """It is the same decision, and has one receipt."""
    requested = await suite.request(policy={"quorum": 2, "roles": ["editor"], "proxies": True})
    body, signed = posted(suite, requested)
    answers = [await asked(suite, "/decisions/hook", body, **signed) for _ in range(3)]
    codes = {await answered_code(suite, answer, body) for answer in answers}
    return f"{', '.join(codes)}, {len(await receipts(suite, requested))} receipt"


async def a_large_post(suite: AttackedSuite) -> str:
    return str((await asked(suite, "/decisions/hook", b"x" * 300_000)).status_code)


async def a_post_of_no_json(suite: AttackedSuite) -> str:
    body, signed = posted(suite, await suite.request())
    del body
    return str((await asked(suite, "/decisions/hook", b"\x00" * 100, **signed)).status_code)


# Slack


def clicks(*, age: float = 0, headers: dict[str, str] | None = None, **changes: Any) -> Move:
    """Call the Slack door as Slack does when ada clicks "Approve", and return the status."""

    async def act(suite: AttackedSuite) -> str:
        payload = slack_payload(suite, await suite.request(), **changes)
        body, signed = slack_call(suite, payload, age=age)
        return str((await asked(suite, "/slack/desk", body, **{**signed, **(headers or {})})).status_code)

    return act


async def a_changed_click(suite: AttackedSuite) -> str:
    body, signed = slack_call(suite, slack_payload(suite, await suite.request()))
    return str((await asked(suite, "/slack/desk", body.replace(b"UADA", b"UBOB"), **signed)).status_code)


async def a_repeated_click(suite: AttackedSuite) -> str:
    requested = await suite.request(policy={"quorum": 2, "roles": ["editor"], "proxies": True})
    body, signed = slack_call(suite, slack_payload(suite, requested))
    return ", ".join([str((await asked(suite, "/slack/desk", body, **signed)).status_code) for _ in range(2)])


async def a_click_of_a_stranger(suite: AttackedSuite) -> str:
    requested, before = await suite.request(), await suite.world.last("DECISIONS")
    body, signed = slack_call(suite, slack_payload(suite, requested, "UEVIL"))
    assert (await asked(suite, "/slack/desk", body, **signed)).status_code == 200
    async with asyncio.timeout(WITHIN):
        while not any("UEVIL" in it["text"] for it in suite.channels.slack.ephemeral):
            await asyncio.sleep(0.05)
    found = [it async for it in suite.bus.read("decisions.>") if it.sequence > before]
    return "published" if any(b"UEVIL" in it.raw.body for it in found) else "explained, nothing published"


def clicks_on(**changes: Any) -> Move:
    """Click a button whose value was changed, and return the code of the receipt."""

    async def act(suite: AttackedSuite) -> str:
        requested = await suite.request()
        payload = {**slack_payload(suite, requested), "actions": [{**button(requested, **changes), "action_ts": "1.2"}]}
        body, signed = slack_call(suite, payload)
        assert (await asked(suite, "/slack/desk", body, **signed)).status_code == 200
        async with asyncio.timeout(WITHIN):
            while not (found := await receipts(suite, requested)):
                await asyncio.sleep(0.05)
        return found[0].code

    return act


async def slack_s_payload_is_no_interaction(suite: AttackedSuite) -> str:
    codes = set()
    for payload in (
        {},
        {"type": "block_actions"},
        {"type": "view_submission", "view": {}},
        {"type": "block_actions", "actions": []},
    ):
        body, signed = slack_call(suite, payload)
        codes.add(str((await asked(suite, "/slack/desk", body, **signed)).status_code))
    return ", ".join(sorted(codes))


# Links


def follows(*, method: str = "POST", form: str = "decision=approve", key: str = "notifier", cut: int = 0) -> Move:
    """Follow a link, and return the status."""

    async def act(suite: AttackedSuite) -> str:
        path = link(suite, await suite.request(), key=key)
        answer = await asked(suite, path[: len(path) - cut], form.encode(), method=method)
        return str(answer.status_code)

    return act


async def an_expired_link(suite: AttackedSuite) -> str:
    requested = await suite.request()
    old = requested.model_copy(update={"opened_at": datetime.now(UTC) - timedelta(days=31)})
    return str((await asked(suite, link(suite, old), b"decision=approve")).status_code)


async def a_used_link(suite: AttackedSuite) -> str:
    requested = await suite.request(policy={"quorum": 2, "roles": ["editor"], "proxies": True})
    path = link(suite, requested)
    first = await asked(suite, path, b"decision=approve&comment=Fine.")
    assert first.status_code == 200
    return str((await asked(suite, path, b"decision=reject")).status_code)


async def a_link_that_is_only_opened(suite: AttackedSuite) -> str:
    requested, before = await suite.request(), await suite.world.last("DECISIONS")
    path = link(suite, requested)
    for method in ("GET", "HEAD", "OPTIONS", "GET"):
        await asked(suite, path, method=method)
    mine = [it async for it in suite.bus.read(f"decisions.{to_token(requested.workflow_id)}")]
    assert all(it.sequence <= before for it in mine)
    return f"{len(mine)} decisions"


async def a_link_for_somebody_outside_of_the_notifier_s_people(suite: AttackedSuite) -> str:
    requested = await suite.request()
    page = await asked(suite, link(suite, requested, "eve"), b"decision=approve")
    assert "may not sign for eve" in page.text
    return (await receipts(suite, requested))[0].code


async def a_script_in_a_title(suite: AttackedSuite) -> str:
    requested = await suite.request(title="<script>alert(1)</script>")
    page = await asked(suite, link(suite, requested))
    assert "&lt;script&gt;" in page.text
    return "run" if "<script>" in page.text else page.headers["content-security-policy"].split(";")[0]


async def a_header_in_a_path(suite: AttackedSuite) -> str:
    page = await asked(suite, "/answer/x%0d%0aset-cookie:%20a=b", host="evil.example")
    reflected = "set-cookie" in page.headers or "evil.example" in page.text + str(page.headers)
    return "reflected" if reflected else str(page.status_code)


# Any port


def asks(path: str, *, method: str = "GET") -> Move:
    async def act(suite: AttackedSuite) -> str:
        return str((await asked(suite, path, b"x" if method == "POST" else None, method=method)).status_code)

    return act


async def other_ports(suite: AttackedSuite) -> str:
    """The other services serve health and metrics only."""
    codes = set()
    async with loopback_client(within=WITHIN) as client:
        for name, url in suite.world.suite.endpoints.services.items():
            for path in ("/decisions/hook", "/events", "/slack/desk", "/", "/../../etc/passwd"):
                if name != "notifier":
                    codes.add((await client.post(f"{url}{path}", content=b"{}")).status_code)
    return ", ".join(sorted(map(str, codes)))


async def what_the_endpoints_show(suite: AttackedSuite) -> str:
    await suite.request(title="Nobody may read this.")
    shown = ""
    async with loopback_client(within=WITHIN) as client:
        for url in suite.world.suite.endpoints.services.values():
            for path in ("/healthz", "/readyz", "/metrics"):
                shown += (await client.get(f"{url}{path}")).text
    secrets = [HOOK, "xoxb-", "Nobody may read", *(key.public for key in suite.keys.values()), "victim-", ".nk"]
    return ", ".join(it for it in secrets if it in shown) or "nothing"


async def slow_and_many(suite: AttackedSuite) -> str:
    """Bodies that never end, and many posts at once; a request of somebody else is answered meanwhile."""
    host, port = suite.notifier_url.removeprefix("http://").split(":")
    writers = []
    for _ in range(20):
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"POST /decisions/hook HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n{")
        await writer.drain()
        writers.append(writer)
    try:
        async with loopback_client(within=WITHIN) as client:
            many = [client.post(f"{suite.notifier_url}/decisions/hook", content=b"{}") for _ in range(50)]
            answer, *codes = await asyncio.gather(client.get(f"{suite.notifier_url}/healthz"), *many)
    finally:
        for writer in writers:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()
    assert {it.status_code for it in codes} == {401}
    return str(answer.status_code)


async def receipts(suite: AttackedSuite, about: ApprovalRequested) -> list[Receipt]:
    found = [decode(it.raw) async for it in suite.bus.read(f"receipts.{to_token(about.request_id)}")]
    return [it for it in found if isinstance(it, Receipt) and it.code != "waiting"]


ATTACKS: Final = [
    Attack(
        "post a decision without a signature",
        posts(headers=dict.fromkeys(("webhook_id", "webhook_timestamp", "webhook_signature"))),
        "401",
    ),
    Attack("post a decision with an empty signature", posts(headers={"webhook_signature": ""}), "401"),
    Attack("post a decision with nonsense for a signature", posts(headers={"webhook_signature": "v1,!!"}), "401"),
    Attack("post a decision signed with another secret", posts(secret=OTHER), "401"),
    Attack("post a decision that is older than five minutes", posts(age=301), "401"),
    Attack("post a decision from the future", posts(age=-900), "401"),
    Attack("post a decision with a time that is none", posts(headers={"webhook_timestamp": "soon"}), "401"),
    Attack("post a decision under another id than was signed", posts(headers={"webhook_id": "other"}), "401"),
    Attack("change a posted decision", a_changed_post, "401"),
    Attack("make a posted decision count twice", a_repeated_post, "accepted, 1 receipt"),
    Attack("post more than 256 KiB", a_large_post, "413"),
    Attack("post bytes with the signature of others", a_post_of_no_json, "401"),
    Attack("post a field that nobody knows", posts(admin=True), "400"),
    Attack("post a word that is no vote", posts(decision="perhaps"), "400"),
    Attack("post a digest that is none", posts(digest="mine"), "400"),
    Attack("post a comment that is too long", posts(comment="c" * 20_000), "400"),
    Attack("post a decision for somebody outside of the proxy's people", posts_for(approver="eve"), "unknown_key"),
    Attack("post a decision in the name of nobody", posts_for(approver="mallory"), "unknown_approver"),
    Attack("post a decision of what nobody was shown", posts_for(digest="0" * 64), "wrong_digest"),
    Attack("post a decision on a request that nobody made", posts_for(request_id="nobody.1"), "unknown_run"),
    Attack(
        "post a decision where people must sign",
        posts_for(policy={"roles": ["editor"], "proxies": False}),
        "not_allowed",
    ),
    Attack("change a click", a_changed_click, "401"),
    Attack("send a click that is older than five minutes", clicks(age=301), "401"),
    Attack("send a click with a signature of zeros", clicks(headers={"x_slack_signature": "v0=" + "0" * 64}), "401"),
    Attack("send a click with a time that is none", clicks(headers={"x_slack_request_timestamp": "soon"}), "401"),
    Attack("send a click without a time", clicks(headers={"x_slack_request_timestamp": ""}), "401"),
    Attack("repeat a click", a_repeated_click, "200, 401"),
    Attack("click as somebody whom Slack knows and we do not", a_click_of_a_stranger, "explained, nothing published"),
    Attack("click on what the message did not show", clicks_on(digest="0" * 64), "wrong_digest"),
    Attack("click on the request of an earlier run", clicks_on(first_run_id="another"), "replayed"),
    Attack("send Slack's signature with no interaction", slack_s_payload_is_no_interaction, "400"),
    Attack(
        "click in another workspace",
        clicks(team={"id": "TEVIL"}),
        "403",
    ),
    Attack(
        "have the outcome of a click posted elsewhere",
        clicks(response_url=EVIL),
        "403",
    ),
    Attack("decide by a link signed with another key", follows(key="eve"), "410"),
    Attack("decide by a link that was cut", follows(cut=4), "410"),
    Attack("decide by a link that has expired", an_expired_link, "410"),
    Attack("decide by a link that was used", a_used_link, "410"),
    Attack("decide by opening a link", a_link_that_is_only_opened, "0 decisions"),
    Attack("withdraw by a link", follows(form="decision=withdraw"), "400"),
    Attack("decide by a link without a choice", follows(form=""), "400"),
    Attack(
        "write a comment of 20,000 characters by a link",
        follows(form="decision=approve&comment=" + "c" * 20_000),
        "400",
    ),
    Attack("send 300,000 bytes by a link", follows(form="x" * 300_000), "413"),
    Attack("put another word for the method", follows(method="PUT"), "405"),
    Attack("delete by a link", follows(method="DELETE"), "405"),
    Attack(
        "decide by a link for somebody outside of the notifier's people",
        a_link_for_somebody_outside_of_the_notifier_s_people,
        "unknown_key",
    ),
    Attack("run a script in the page of a link", a_script_in_a_title, "default-src 'none'"),
    Attack("set a header or a host by a link", a_header_in_a_path, "410"),
    Attack("read a file by a path", asks("/answer/..%2f..%2f..%2fetc%2fpasswd"), "404"),
    Attack("find a door of a channel that has none", asks("/decisions/mail", method="POST"), "404"),
    Attack("open the webhook's door by GET", asks("/decisions/hook"), "405"),
    Attack("open Slack's door by GET", asks("/slack/desk"), "405"),
    Attack("find a door at the other services", other_ports, "404"),
    Attack("read keys, titles or ids at the health endpoints", what_the_endpoints_show, "nothing"),
    Attack("keep others from being answered by slow and many posts", slow_and_many, "200", alone=True),
]

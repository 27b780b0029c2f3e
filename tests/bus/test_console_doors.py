"""Who gets into the console, and what it refuses: hosts, forms of other pages, used links, and what a role may not."""

import json
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from hashlib import sha256
from html import unescape
from pathlib import Path

import pytest
import pytest_asyncio
import rfc8785

from perdure.bus import NatsBus, connect, decode
from perdure.bus.jetstream.provision import provision
from perdure.config.settings import NatsSettings
from perdure.contracts import ApprovalEscalated, ApprovalRequested, Decision, Escalation, Policy, request_digest
from tests.support.approval_requests import REQUEST
from tests.support.console_pages import Pages, open_pages
from tests.support.people import signed

ASKED = REQUEST.model_copy(
    update={"digest_version": 2, "policy": Policy(people=("ada", "bob"), quorum=2), "expires_at": None}
)
ASKED = ASKED.model_copy(update={"digest": request_digest(ASKED)})
HOUR = timedelta(hours=1)
PAGES = ("/", "/inbox", "/runs", "/publish", "/key", "/request?id=w.1")
WRITES = ("/publish", "/run", "/request", "/key", "/leave", "/enter")


@pytest_asyncio.fixture
async def nats(nats_settings: NatsSettings) -> AsyncIterator[NatsBus]:
    async with connect(nats_settings, source="perdure/test", within=5) as bus:
        await provision(bus.js, "test")
        await bus.publish(ASKED)
        yield bus


@pytest_asyncio.fixture
async def pages(nats: NatsBus, tmp_path: Path) -> AsyncIterator[Pages]:
    async with open_pages(nats, tmp_path, "ada", "bob") as pages:
        yield pages


async def decisions(bus: NatsBus) -> list[Decision]:
    found = [decode(it.raw) async for it in bus.read("decisions.>")]
    return [it for it in found if isinstance(it, Decision)]


def form_of(decision: Decision) -> dict[str, str]:
    return {name: value for name, value in decision.model_dump(mode="json").items() if value is not None}


async def test_a_link_works_once_and_a_stranger_sees_no_page(pages: Pages) -> None:
    token = pages.links.issue("ada")
    async with pages.visitor() as ada, pages.visitor() as mallory:
        before = [(await mallory.get(path)).headers.get("location") for path in PAGES]
        first = await ada.post("/enter", data={"token": token})
        again = await mallory.post("/enter", data={"token": token})

        assert before == ["/enter"] * len(PAGES)
        assert (first.status_code, again.status_code) == (303, 403)
        assert [(await ada.get(path)).status_code for path in PAGES] == [200] * len(PAGES)
        assert "set-cookie" not in again.headers


async def test_to_look_at_a_link_does_not_use_it_up(pages: Pages) -> None:
    token = pages.links.issue("ada")
    async with pages.visitor() as preview, pages.visitor() as ada:
        assert (await preview.get("/enter", params={"token": token})).status_code == 200
        assert (await ada.post("/enter", data={"token": token})).status_code == 303


async def test_a_session_that_somebody_else_has_put_into_the_browser_is_not_taken_over(pages: Pages) -> None:
    async with pages.entered("mallory") as mallory, pages.visitor() as ada:
        (cookie,) = mallory.cookies.jar
        ada.cookies.set(cookie.name, str(cookie.value))
        await ada.post("/enter", data={"token": pages.links.issue("ada")})

        assert ">ada <" in (await ada.get("/")).text.replace("ada <span", "ada <")
        assert (await mallory.get("/")).status_code == 303


async def test_the_cookie_is_for_this_page_alone_and_no_script(pages: Pages) -> None:
    async with pages.visitor() as ada:
        cookie = (await ada.post("/enter", data={"token": pages.links.issue("ada")})).headers["set-cookie"].lower()

    assert "httponly" in cookie
    assert "samesite=strict" in cookie


async def test_who_leaves_is_out_also_for_whoever_has_kept_the_cookie(pages: Pages) -> None:
    async with pages.entered("ada") as ada, pages.visitor() as thief:
        (cookie,) = ada.cookies.jar
        thief.cookies.set(cookie.name, str(cookie.value))
        assert (await thief.get("/")).status_code == 200
        await ada.post("/leave")

        assert (await thief.get("/")).status_code == 303


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8705", "", "[::1"])
async def test_under_another_name_nothing_is_served(pages: Pages, host: str) -> None:
    async with pages.entered("ada") as ada:
        answers = [await ada.get(path, headers={"Host": host}) for path in PAGES]

    assert {answer.status_code for answer in answers} <= {421, 400}
    assert not any("ada" in answer.text for answer in answers)


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1", ""])
async def test_no_form_of_another_page_is_taken(pages: Pages, nats: NatsBus, origin: str) -> None:
    vote = form_of(signed(pages.keys["ada"], "ada", "w.1", ASKED.digest))
    async with pages.entered("ada") as ada:
        answers = [await ada.post(path, data={**vote, "type": "a.b"}, headers={"Origin": origin}) for path in WRITES]
        del ada.headers["Origin"]
        answers += [await ada.post(path, data=vote) for path in WRITES]

    assert {answer.status_code for answer in answers} == {403}
    assert await decisions(nats) == []
    assert await nats.last("events.>") is None


async def test_every_answer_forbids_frames_foreign_scripts_and_inline_ones(pages: Pages) -> None:
    async with pages.entered("ada") as ada, pages.visitor() as stranger:
        answers = [await ada.get(path) for path in (*PAGES, "/nowhere", "/static/console.css")]
        answers += [await stranger.get("/enter"), await stranger.get("/", headers={"Host": "evil.example"})]
    nonces = set()
    for answer in answers:
        policy = answer.headers["content-security-policy"]
        nonces.add(policy.partition("'nonce-")[2].partition("'")[0])
        assert policy.startswith("default-src 'none'; script-src 'nonce-")
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert "require-trusted-types-for 'script'" in policy
        assert answer.headers["x-frame-options"] == "DENY"
        assert "<script>" not in answer.text
        assert " style=" not in answer.text

    assert len(nonces) == len(answers)


async def test_an_approver_decides_for_nobody_else_and_nobody_decides_unsigned(pages: Pages, nats: NatsBus) -> None:
    as_bob = form_of(signed(pages.keys["ada"], "bob", "w.1", ASKED.digest))
    unsigned = {**form_of(signed(pages.keys["ada"], "ada", "w.1", ASKED.digest)), "signature": ""}
    async with pages.entered("ada") as ada, pages.entered("eve") as eve:
        answers = [
            await ada.post("/request", data=as_bob),
            await ada.post("/request", data=unsigned),
            await eve.post("/request", data={**as_bob, "approver": "eve"}),
        ]

    assert [answer.status_code for answer in answers] == [403, 400, 403]
    assert "Nothing was decided" in answers[1].text
    assert await decisions(nats) == []


async def test_a_decision_that_was_signed_elsewhere_is_published_as_it_is(pages: Pages, nats: NatsBus) -> None:
    vote = signed(pages.keys["ada"], "ada", "w.1", ASKED.digest, comment="two\nlines")
    async with pages.entered("ada") as ada:
        answer = await ada.post("/request", data=form_of(vote))

        assert answer.status_code == 303
        assert "Stored, not judged yet" in (await ada.get(answer.headers["location"])).text
    assert await decisions(nats) == [vote]


async def test_what_is_signed_has_the_digest_also_after_an_escalation(pages: Pages, nats: NatsBus) -> None:
    about = {name: getattr(ASKED, name) for name in ("workflow", "workflow_id", "run_id", "request_id")}
    opened = {
        **ASKED.model_dump(),
        "policy": Policy(people=("ada",), escalate=(Escalation(after=HOUR, people=("bob",)),)),
    }
    request = ApprovalRequested.model_validate(opened | {"run_id": "later"})
    request = request.model_copy(update={"digest": request_digest(request)})
    await nats.publish(request)
    await nats.publish(ApprovalEscalated.model_validate({**about, "run_id": "later", "to": ("bob",), "count": 1}))
    async with pages.entered("bob") as bob:
        shown = (await bob.get("/request", params={"id": "w.1"})).text

    (signed_over,) = re.findall(r'data-request="([^"]*)"', shown)
    assert sha256(rfc8785.dumps(json.loads(unescape(signed_over)))).hexdigest() == request.digest


async def test_a_proxy_names_people_and_nobody_else_does(nats: NatsBus, tmp_path: Path) -> None:
    where = {"Host": "console.example", "Origin": "https://console.example"}
    own = {"url": "https://console.example", "operators": ["olga"]}
    for proxies, seen in (["127.0.0.1/32"], 200), (["10.9.8.7/32"], 401):
        async with open_pages(nats, tmp_path / str(seen), "ada", proxies=proxies, **own) as pages:
            async with pages.visitor(**where, **{"X-Forwarded-User": "ada", "X-Forwarded-For": "10.9.8.7"}) as ada:
                assert (await ada.get("/")).status_code == seen
                assert (await ada.get("/", headers={"Host": pages.address.removeprefix("http://")})).status_code == 421
            async with pages.visitor(**where) as stranger:
                assert (await stranger.get("/")).status_code == 401
                assert (
                    await stranger.get("/", headers=[*where.items(), *([("X-Forwarded-User", it) for it in "ab"])])
                ).status_code == 401
                assert (await stranger.post("/enter", data={"token": pages.links.issue("ada")})).status_code == 401


async def test_who_only_looks_publishes_nothing_and_acts_on_nothing(nats: NatsBus, tmp_path: Path) -> None:
    where = {"Host": "console.example", "Origin": "https://console.example"}
    own = {"url": "https://console.example", "operators": ["olga"], "proxies": ["127.0.0.1/32"]}
    async with open_pages(nats, tmp_path, "ada", **own) as pages:
        async with pages.visitor(**where, **{"X-Forwarded-User": "vera"}) as vera:
            answers = [
                await vera.post("/publish", data={"type": "a.b", "data": "{}"}),
                await vera.post("/run", data={"id": "w", "act": "cancel", "reason": "no"}),
                await vera.post("/run", data={"id": "w", "act": "signal", "signal": "go", "reason": "no"}),
                await vera.post("/request", data=form_of(signed(pages.keys["ada"], "vera", "w.1", ASKED.digest))),
            ]
        async with pages.visitor(**where, **{"X-Forwarded-User": "olga"}) as olga:
            published = await olga.post("/publish", data={"type": "a.b", "data": '{"a": 1}'})

    assert [answer.status_code for answer in answers] == [403] * 4
    assert published.status_code == 303
    assert (await nats.count_by_subject("events.>"), await nats.last("signals.>")) == ({"events.a.b": 1}, None)

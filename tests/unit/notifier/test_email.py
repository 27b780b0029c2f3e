"""The e-mail channel against a real SMTP server, by another implementation than its own."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from perdure.approvers import Approver, ApproversFile, Directory, SigningKey
from perdure.bus import KeyValue, MemoryKeyValue
from perdure.config.notifier import EmailSettings
from perdure.contracts import ApprovalEscalated, Policy
from perdure.errors import Unavailable
from perdure_notifier.channels import Refused
from perdure_notifier.channels.email import EmailChannel
from perdure_notifier.notice import Notice
from perdure_notifier.replies.links import Links
from tests.support.mail_server import Postbox, postbox, text_of
from tests.support.notifier import alert, decided, request
from tests.support.people import approvers_file
from tests.support.ports import free_port

ASKED = request(details="Für Sie", policy=Policy(roles=("finance",)))
KEY = SigningKey.new()


@pytest.fixture
def box() -> Iterator[Postbox]:
    with postbox() as box:
        yield box


@pytest.fixture
def people(tmp_path: Path) -> ApproversFile:
    known = {
        "ada": Approver(roles=("finance",), email="ada@example.com"),
        "bob": Approver(roles=("finance",), email="bob@example.com"),
        "eve": Approver(roles=("board",), email="eve@example.com"),
        "ned": Approver(roles=("finance",)),
    }
    return approvers_file(tmp_path / "approvers.yaml", Directory(approvers=known))


def letters(
    box: Postbox, people: ApproversFile, entries: KeyValue | None = None, *, links: bool = True, **more: Any
) -> EmailChannel:
    said = EmailSettings(host="127.0.0.1", port=box.port, tls="none", sender="perdure@example.com", **more)
    made = Links(KEY, "https://approve.example.com/") if links else None
    return EmailChannel("letters", said, None, entries=entries or MemoryKeyValue(), approvers=people, links=made)


async def test_everybody_who_is_asked_gets_a_mail_with_a_link_of_their_own(box: Postbox, people: ApproversFile) -> None:
    told = await letters(box, people, also_to=["team@example.com"]).send([Notice(message=ASKED)])

    assert told == "mailed to team@example.com, ada@example.com, bob@example.com"
    link = r"https://approve\.example\.com/answer/\S+"
    links = {letter["To"]: re.findall(link, text_of(letter)) for letter in box.letters}
    assert {to: len(found) for to, found in links.items()} == {
        "ada@example.com": 1,
        "bob@example.com": 1,
        "team@example.com": 0,
    }
    assert links["ada@example.com"] != links["bob@example.com"]
    assert {letter["Subject"] for letter in box.letters} == {"Approval wanted: Pay 1?"}
    assert all("Für Sie" in text_of(letter) for letter in box.letters)


async def test_a_second_try_writes_only_to_those_whom_the_first_did_not_reach(
    box: Postbox, people: ApproversFile
) -> None:
    box.answers = ["451 try later"]
    entries = MemoryKeyValue()

    with pytest.raises(Unavailable, match="451"):
        await letters(box, people, entries).send([Notice(message=ASKED)])
    await letters(box, people, entries).send([Notice(message=ASKED)])

    assert [letter["To"] for letter in box.letters] == ["bob@example.com", "ada@example.com"]
    assert len({letter["Message-ID"] for letter in box.letters}) == 2


async def test_one_address_that_is_refused_keeps_nobody_else_from_their_mail(
    box: Postbox, people: ApproversFile
) -> None:
    box.answers = ["550 no such user"]

    told = await letters(box, people).send([Notice(message=ASKED)])

    assert told == "mailed to bob@example.com; ada@example.com: The mail server answered 550 no such user"


async def test_what_the_server_refuses_for_good_is_not_tried_again(box: Postbox, people: ApproversFile) -> None:
    box.answers = ["554 no", "554 no"]

    with pytest.raises(Refused, match="554"):
        await letters(box, people).send([Notice(message=ASKED)])


async def test_an_escalation_is_written_to_those_who_are_asked_now_too(box: Postbox, people: ApproversFile) -> None:
    escalated = ApprovalEscalated(
        workflow="Payment", workflow_id="w", run_id="r", request_id="w.1", to=("board",), count=1
    )

    await letters(box, people).send([Notice(message=escalated, about=ASKED)])

    assert {letter["To"] for letter in box.letters} == {"ada@example.com", "bob@example.com", "eve@example.com"}


async def test_an_alert_is_written_to_those_whom_it_concerns(box: Postbox, people: ApproversFile) -> None:
    await letters(box, people).send([Notice(message=alert(roles=("board",)))])

    assert [(letter["To"], letter["Subject"]) for letter in box.letters] == [("eve@example.com", "It broke")]


async def test_what_is_decided_is_told_without_a_link_and_in_the_same_thread(
    box: Postbox, people: ApproversFile
) -> None:
    telling = letters(box, people)
    await telling.send([Notice(message=ASKED)])
    await telling.send([Notice(message=decided(), about=ASKED)])

    asked, *_, told = [letter for letter in box.letters if letter["To"] == "ada@example.com"]
    assert "/answer/" not in text_of(told)
    assert told["References"] == asked["References"]


async def test_there_is_no_link_where_it_would_not_count(box: Postbox, people: ApproversFile) -> None:
    own = request(policy=Policy(roles=("finance",), proxies=False))

    await letters(box, people).send([Notice(message=own)])
    await letters(box, people, links=False).send([Notice(message=ASKED)])

    assert not any("/answer/" in text_of(letter) for letter in box.letters)


async def test_nobody_with_an_address_is_a_failure_that_is_told(box: Postbox, people: ApproversFile) -> None:
    with pytest.raises(Refused, match="nobody who is asked has an address"):
        await letters(box, people).send([Notice(message=request(policy=Policy(people=("ned",))))])


async def test_a_server_that_is_not_there_is_tried_again(box: Postbox, people: ApproversFile) -> None:
    box.port = free_port()

    with pytest.raises(Unavailable, match="does not answer"):
        await letters(box, people).send([Notice(message=ASKED)])

"""The e-mail channel against a real SMTP server."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from perdure.approvers import Approver, ApproversFile, Directory, SigningKey
from perdure.bus import KeyValue, MemoryKeyValue
from perdure.config.channels import EmailSettings
from perdure.contracts import ApprovalEscalated, Policy
from perdure.errors import Unavailable
from perdure_notifier.channels import Refused
from perdure_notifier.channels.email import EmailChannel
from perdure_notifier.notice import Notice
from perdure_notifier.replies.links import Links
from tests.support.mail_server import MailServer, mail_server, text_of
from tests.support.notifier import alert, decided, request
from tests.support.people import approvers_file
from tests.support.ports import free_port

REQUEST = request(details="Für Sie", policy=Policy(roles=("finance",)))
KEY = SigningKey.new()


@pytest.fixture
def server() -> Iterator[MailServer]:
    with mail_server() as server:
        yield server


@pytest.fixture
def people(tmp_path: Path) -> ApproversFile:
    known = {
        "ada": Approver(roles=("finance",), email="ada@example.com"),
        "bob": Approver(roles=("finance",), email="bob@example.com"),
        "eve": Approver(roles=("board",), email="eve@example.com"),
        "ned": Approver(roles=("finance",)),
    }
    return approvers_file(tmp_path / "approvers.yaml", Directory(approvers=known))


def email(
    server: MailServer, people: ApproversFile, entries: KeyValue | None = None, *, links: bool = True, **more: Any
) -> EmailChannel:
    settings = EmailSettings(host="127.0.0.1", port=server.port, tls="none", sender="perdure@example.com", **more)
    maker = Links(KEY, "https://approve.example.com/") if links else None
    return EmailChannel("mail", settings, None, entries=entries or MemoryKeyValue(), approvers=people, links=maker)


async def test_each_approver_gets_a_mail_with_a_personal_link(server: MailServer, people: ApproversFile) -> None:
    detail = await email(server, people, also_to=["team@example.com"]).send([Notice(message=REQUEST)])

    assert detail == "mailed to team@example.com, ada@example.com, bob@example.com"
    link = r"https://approve\.example\.com/answer/\S+"
    links = {mail["To"]: re.findall(link, text_of(mail)) for mail in server.mails}
    assert {to: len(found) for to, found in links.items()} == {
        "ada@example.com": 1,
        "bob@example.com": 1,
        "team@example.com": 0,
    }
    assert links["ada@example.com"] != links["bob@example.com"]
    assert {mail["Subject"] for mail in server.mails} == {"Approval requested: Pay 1?"}
    assert all("Für Sie" in text_of(mail) for mail in server.mails)


async def test_a_retry_writes_only_to_recipients_that_the_first_attempt_missed(
    server: MailServer, people: ApproversFile
) -> None:
    server.replies = ["451 try later"]
    entries = MemoryKeyValue()

    with pytest.raises(Unavailable, match="451"):
        await email(server, people, entries).send([Notice(message=REQUEST)])
    await email(server, people, entries).send([Notice(message=REQUEST)])

    assert [mail["To"] for mail in server.mails] == ["bob@example.com", "ada@example.com"]
    assert len({mail["Message-ID"] for mail in server.mails}) == 2


async def test_a_refused_address_does_not_keep_others_from_their_mail(
    server: MailServer, people: ApproversFile
) -> None:
    server.replies = ["550 no such user"]

    detail = await email(server, people).send([Notice(message=REQUEST)])

    assert detail == "mailed to bob@example.com; ada@example.com: The mail server answered 550 no such user"


async def test_a_permanent_failure_is_not_retried(server: MailServer, people: ApproversFile) -> None:
    server.replies = ["554 no", "554 no"]

    with pytest.raises(Refused, match="554"):
        await email(server, people).send([Notice(message=REQUEST)])


async def test_an_escalation_is_sent_to_the_added_approvers_too(server: MailServer, people: ApproversFile) -> None:
    escalated = ApprovalEscalated(
        workflow="Payment", workflow_id="w", run_id="r", request_id="w.1", to=("board",), count=1
    )

    await email(server, people).send([Notice(message=escalated, about=REQUEST)])

    assert {mail["To"] for mail in server.mails} == {"ada@example.com", "bob@example.com", "eve@example.com"}


async def test_an_alert_is_sent_to_people_with_its_roles(server: MailServer, people: ApproversFile) -> None:
    await email(server, people).send([Notice(message=alert(roles=("board",)))])

    assert [(mail["To"], mail["Subject"]) for mail in server.mails] == [("eve@example.com", "It broke")]


async def test_a_decision_is_sent_in_the_same_thread_without_a_link(server: MailServer, people: ApproversFile) -> None:
    channel = email(server, people)
    await channel.send([Notice(message=REQUEST)])
    await channel.send([Notice(message=decided(), about=REQUEST)])

    requested, *_, outcome = [mail for mail in server.mails if mail["To"] == "ada@example.com"]
    assert "/answer/" not in text_of(outcome)
    assert outcome["References"] == requested["References"]


async def test_there_is_no_link_if_the_policy_or_the_configuration_does_not_allow_it(
    server: MailServer, people: ApproversFile
) -> None:
    own = request(policy=Policy(roles=("finance",), proxies=False))

    await email(server, people).send([Notice(message=own)])
    await email(server, people, links=False).send([Notice(message=REQUEST)])

    assert not any("/answer/" in text_of(mail) for mail in server.mails)


async def test_a_notice_without_any_recipient_is_refused(server: MailServer, people: ApproversFile) -> None:
    with pytest.raises(Refused, match="no recipient has an address"):
        await email(server, people).send([Notice(message=request(policy=Policy(people=("ned",))))])


async def test_an_unreachable_server_makes_the_channel_unavailable(server: MailServer, people: ApproversFile) -> None:
    server.port = free_port()

    with pytest.raises(Unavailable, match="does not answer"):
        await email(server, people).send([Notice(message=REQUEST)])


async def test_an_address_that_no_mail_can_carry_keeps_nobody_else_from_theirs(
    server: MailServer, tmp_path: Path
) -> None:
    known = {
        "ada": Approver(roles=("finance",), email="ada@example.com"),
        "bob": Approver(roles=("finance",), email="bob@example.com\r\nBcc: eve@example.com"),
    }
    people = approvers_file(tmp_path / "others.yaml", Directory(approvers=known))

    detail = await email(server, people).send([Notice(message=REQUEST)])

    assert [mail["To"] for mail in server.mails] == ["ada@example.com"]
    assert detail.startswith("mailed to ada@example.com; bob@example.com")


async def test_a_title_of_a_megabyte_with_any_text_becomes_one_short_subject(
    server: MailServer, people: ApproversFile
) -> None:
    hostile = request(title="Pay\r\nBcc: eve@example.com \u202e\0" * 30_000, policy=Policy(roles=("finance",)))

    await email(server, people).send([Notice(message=hostile)])

    assert {mail["Bcc"] for mail in server.mails} == {None}
    assert all(len(mail["Subject"]) <= 200 for mail in server.mails)

"""The notifier on the in-memory bus: routing, rate, quiet hours, digests, retries and dead letters."""

import io
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from perdure.bus import MemoryBus, MemoryKeyValue, RawMessage
from perdure.bus.resend import resent
from perdure.config.notifier import NotificationSettings
from perdure.contracts import ApprovalReminded, DeadLetter, Notification, Severity
from perdure.errors import Unavailable
from perdure_notifier.app import Notifier
from perdure_notifier.channels import Busy, Channel, PartlySent, Refused
from perdure_notifier.channels.terminal import TerminalChannel
from perdure_notifier.lease import channel_leases
from perdure_notifier.notice import Notice
from perdure_notifier.orphans import OrphanedNotices
from perdure_notifier.outbox import Outbox
from perdure_notifier.render import render
from tests.support.app_delivery import deliver_all
from tests.support.notifier import Clock, ScriptedChannel, alert, decided, request, sender


def notifier(bus: MemoryBus, channels: Sequence[Channel], **settings: Any) -> Notifier:
    named: dict[str, Any] = {channel.name: {"terminal": {}} for channel in channels}
    parsed = NotificationSettings.model_validate({"channels": named, **settings})
    return Notifier(bus, MemoryKeyValue(), channels, parsed, holder="here")


def notifications(bus: MemoryBus) -> list[tuple[str, str, str]]:
    return [(it.channel, it.outcome, it.about) for it in reported(bus) if it.outcome != "retried"]


def reported(bus: MemoryBus) -> list[Notification]:
    return [it for it in bus.published if isinstance(it, Notification)]


def dead_letters(bus: MemoryBus) -> list[DeadLetter]:
    return [it for it in bus.published if isinstance(it, DeadLetter)]


def outbox(bus: MemoryBus) -> Outbox:
    return Outbox(bus, MemoryKeyValue())


async def channels_with_notices(bus: MemoryBus) -> set[str]:
    return await outbox(bus).channels()


async def test_a_request_is_sent_and_a_notification_is_published() -> None:
    bus, out = MemoryBus(), io.StringIO()
    channel = TerminalChannel("terminal", out)
    await bus.publish(request())

    assert await deliver_all(notifier(bus, [channel]).app(), bus) == ["ack"]
    await sender(bus, channel).send_due()

    assert notifications(bus) == [("terminal", "sent", request().message_id)]
    assert "perdure approve w.1" in out.getvalue()
    assert not await channels_with_notices(bus)


async def test_with_encryption_the_terminal_names_a_request_and_shows_no_text_of_its_run() -> None:
    out = io.StringIO()
    channel = TerminalChannel("terminal", out, is_brief=True)

    await channel.send([Notice(message=request()), Notice(message=alert())])

    assert "Approval requested: request w.1 of " in out.getvalue()
    assert "  perdure approvals show w.1\n" in out.getvalue()
    assert request().title not in out.getvalue()
    assert alert().title not in out.getvalue()
    assert "Alert of the run " in out.getvalue()


async def test_a_request_delivered_twice_is_sent_once() -> None:
    bus, desk = MemoryBus(), ScriptedChannel()
    await bus.publish(request())
    app = notifier(bus, [desk]).app()

    for _ in range(2):
        await deliver_all(app, bus)
        await sender(bus, desk).send_due()

    assert desk.sent == [[request().message_id]]


async def test_a_request_that_is_delivered_again_after_its_message_id_is_forgotten_is_not_sent_again() -> None:
    bus, desk = MemoryBus(), ScriptedChannel()
    await bus.publish(request())
    app = notifier(bus, [desk]).app()

    for _ in range(2):
        await deliver_all(app, bus)
        await sender(bus, desk).send_due()
        bus._sequences.clear()  # noqa: SLF001 (the duplicate window is over)

    assert desk.sent == [[request().message_id]]


async def test_a_reminder_carries_its_request() -> None:
    bus, desk = MemoryBus(), ScriptedChannel()
    reminder = ApprovalReminded(workflow="Payment", workflow_id="w", run_id="r", request_id="w.1", count=2)
    await bus.publish(request())
    await bus.publish(reminder)

    await deliver_all(notifier(bus, [desk]).app(), bus)
    await sender(bus, desk).send_due()

    assert [notice.request for notice in desk.notices] == [request(), request()]


async def test_rules_route_notices_to_channels() -> None:
    bus, finance, others = MemoryBus(), ScriptedChannel("finance"), ScriptedChannel("others")
    rules = [
        {"workflows": ["Pay*"], "severities": ["high"], "channels": ["finance"]},
        {"severities": ["low"], "channels": ["others"]},
    ]
    severities: tuple[Severity, ...] = ("high", "low", "normal")
    for number, severity in enumerate(severities, start=1):
        await bus.publish(request(number, severity=severity))

    await deliver_all(notifier(bus, [finance, others], routing=rules).app(), bus)
    for channel in (finance, others):
        await sender(bus, channel).send_due()

    assert [keys[0].rpartition(".")[2] for keys in finance.sent] == ["1", "3"]
    assert [keys[0].rpartition(".")[2] for keys in others.sent] == ["3", "2"], "the most urgent first"


async def test_the_same_rules_route_alerts() -> None:
    bus, admins, others = MemoryBus(), ScriptedChannel("admins"), ScriptedChannel("others")
    rules = [{"roles": ["administrator"], "channels": ["admins"]}, {"severities": ["low"], "channels": ["others"]}]
    raised = alert(roles=("administrator",), details="All of it", severity="high")
    await bus.publish(raised)

    await deliver_all(notifier(bus, [admins, others], routing=rules).app(), bus)
    for channel in (admins, others):
        await sender(bus, channel).send_due()

    assert (admins.sent, others.sent) == ([[raised.message_id]], [])
    text = render(admins.notices[0])
    assert (text.headline, text.body) == ("It broke", "Run w of Payment.\n| All of it")


async def test_a_failing_channel_is_retried_later_without_delaying_others() -> None:
    bus, clock = MemoryBus(), Clock()
    down, up = ScriptedChannel("down", Unavailable("no answer")), ScriptedChannel("up")
    await bus.publish(request())
    await deliver_all(notifier(bus, [down, up]).app(), bus)
    senders = [sender(bus, channel, clock=clock) for channel in (down, up)]

    due = [await it.send_due() for it in senders]
    assert due[0] is not None
    assert due[0] > clock.now
    assert await senders[0].send_due() == due[0], "not before"
    clock.now = due[0]
    for it in senders:
        await it.send_due()

    assert notifications(bus) == [("up", "sent", request().message_id), ("down", "sent", request().message_id)]


async def test_a_channel_is_retried_no_earlier_than_it_asked_for() -> None:
    bus, clock = MemoryBus(), Clock()
    await outbox(bus).put("desk", Notice(message=request()))

    due = await sender(bus, ScriptedChannel("desk", Busy("wait", timedelta(minutes=3))), clock=clock).send_due()

    assert due == clock.now + timedelta(minutes=3)


async def test_a_refused_notice_becomes_a_dead_letter_and_goes_to_the_fallback() -> None:
    bus, other = MemoryBus(), ScriptedChannel("other")
    await outbox(bus).put("full", Notice(message=request()))

    await sender(bus, ScriptedChannel("full", Refused("HTTP 404")), fallback=["full", "other"]).send_due()
    await sender(bus, other, fallback=["full", "other"]).send_due()

    (dead_letter,) = dead_letters(bus)
    assert (dead_letter.reason, dead_letter.original_subject) == ("undelivered", "notices.full.normal")
    assert dead_letter.detail == "full refused the notice: HTTP 404. Sent instead to: other."
    assert [notice.instead_of for notice in other.notices] == ["full"]
    assert notifications(bus) == [("full", "failed", request().message_id), ("other", "sent", request().message_id)]


async def test_a_notice_is_given_up_after_give_up_after_and_not_before() -> None:
    bus, clock, entries = MemoryBus(), Clock(), MemoryKeyValue()
    for number in (1, 2):
        await outbox(bus).put("down", Notice(message=request(number)))
    down = ScriptedChannel("down", *[Unavailable("no answer")] * 1_000)
    settings: dict[str, Any] = {"clock": clock, "entries": entries, "give_up_after": "5m"}
    began = clock.now

    while await channels_with_notices(bus):
        due = await sender(bus, down, **settings).send_due()  # each time a new sender, as after a crash
        if due is not None:
            clock.now = due

    assert timedelta(minutes=5) <= clock.now - began < timedelta(minutes=6)
    assert notifications(bus) == [("down", "failed", request(number).message_id) for number in (1, 2)]
    clock.passes(minutes=6)
    await outbox(bus).put("down", Notice(message=request(3)))
    assert await sender(bus, down, **settings).send_due() is not None, "a later failure starts a new series"


@pytest.mark.parametrize(
    ("failure", "waits", "within"),
    [
        (Unavailable("no answer"), timedelta(seconds=0), timedelta(minutes=1)),
        (Unavailable("no answer within 20 s"), timedelta(seconds=20), timedelta(minutes=1)),
        (Busy("HTTP 429", timedelta(hours=1)), timedelta(seconds=0), timedelta(hours=1)),
    ],
    ids=["retried more seldom", "slow to fail", "told to wait"],
)
async def test_a_notice_is_given_up_also_if_tries_are_further_apart_than_give_up_after(
    failure: Exception, waits: timedelta, within: timedelta
) -> None:
    bus, clock, entries = MemoryBus(), Clock(), MemoryKeyValue()
    await outbox(bus).put("down", Notice(message=request()))
    down = ScriptedChannel("down", *[failure] * 100)
    down.takes = lambda: clock.passes(seconds=waits.total_seconds())
    began = clock.now

    for _ in range(100):
        due = await sender(bus, down, clock=clock, entries=entries, give_up_after="3s").send_due()
        if due is None:
            break
        clock.now = max(due, clock.now)

    assert notifications(bus) == [("down", "failed", request().message_id)]
    assert timedelta(seconds=3) <= clock.now - began <= within


async def test_a_channel_that_begins_to_fail_reports_it_once_until_it_works_again() -> None:
    bus, clock, entries = MemoryBus(), Clock(), MemoryKeyValue()
    flaky = ScriptedChannel("flaky", *[Unavailable("no answer")] * 3)
    for number in (1, 2):
        await outbox(bus).put("flaky", Notice(message=request(number)))
        while (due := await sender(bus, flaky, clock=clock, entries=entries).send_due()) is not None:
            clock.now = due
        flaky.fails(Unavailable("full"))

    told = [(it.outcome, it.about, it.detail) for it in reported(bus)]
    first, second = (request(number).message_id for number in (1, 2))
    assert told == [
        ("retried", first, "no answer"),
        ("sent", first, "done"),
        ("retried", second, "full"),
        ("sent", second, "done"),
    ]


async def test_a_resent_dead_letter_goes_to_its_channel_again() -> None:
    bus, repaired = MemoryBus(), ScriptedChannel("full")
    await outbox(bus).put("full", Notice(message=request()))
    await sender(bus, ScriptedChannel("full", Refused("HTTP 404"))).send_due()
    (dead_letter,) = dead_letters(bus)
    assert dead_letter.body is not None

    original = RawMessage(dead_letter.original_subject, dead_letter.body, dead_letter.headers)
    await bus.publish_raw(resent(original, place=dead_letter.place, number=1))
    await sender(bus, repaired).send_due()

    assert repaired.sent == [[request().message_id]]


async def test_only_critical_notices_are_sent_in_quiet_hours() -> None:
    bus, desk, clock = MemoryBus(), ScriptedChannel(), Clock()
    clock.now = clock.now.replace(hour=23)
    quiet = {"opens": "22:00", "closes": "07:00"}
    severities: tuple[Severity, ...] = ("normal", "critical", "high")
    for number, severity in enumerate(severities, start=1):
        await outbox(bus).put("desk", Notice(message=request(number, severity=severity)))

    due = await sender(bus, desk, clock=clock, quiet=quiet).send_due()
    assert desk.sent == [[request(2).message_id]]
    assert due is not None
    assert (due.hour, due.minute) == (7, 0)

    clock.now = due
    await sender(bus, desk, clock=clock, quiet=quiet).send_due()
    assert desk.sent[1:] == [[request(3).message_id], [request(1).message_id]]


async def test_a_critical_notice_that_one_target_has_not_got_is_tried_again_in_quiet_hours() -> None:
    bus, clock, desk = MemoryBus(), Clock(), ScriptedChannel("desk", PartlySent("one failed"))
    clock.now = clock.now.replace(hour=23, minute=0)
    await outbox(bus).put("desk", Notice(message=request(1, severity="critical")))
    night = sender(bus, desk, clock=clock, quiet={"opens": "22:00", "closes": "07:00"})

    due = await night.send_due()
    assert due is not None
    assert due < clock.now.replace(minute=30)
    clock.now = due
    await night.send_due()

    assert len(desk.sent) == 1


async def test_a_digest_collects_notices_and_sends_them_together() -> None:
    bus, desk, clock = MemoryBus(), ScriptedChannel(), Clock()
    for number in range(1, 25):
        await outbox(bus).put("desk", Notice(message=request(number)))
    digesting = sender(bus, desk, clock=clock, digest="10m")

    assert await digesting.send_due() is not None
    assert desk.sent == []
    clock.passes(minutes=11)
    await digesting.send_due()

    assert [len(keys) for keys in desk.sent] == [20, 4]
    assert len(notifications(bus)) == 24


async def test_the_rate_limits_how_often_notices_are_sent() -> None:
    bus, desk, clock = MemoryBus(), ScriptedChannel(), Clock()
    for number in range(1, 4):
        await outbox(bus).put("desk", Notice(message=request(number)))
    slow = sender(bus, desk, clock=clock, rate="2/m")

    assert await slow.send_due() == clock.now + timedelta(seconds=30)
    assert len(desk.sent) == 1
    clock.passes(seconds=30)
    await slow.send_due()

    assert len(desk.sent) == 2


async def test_one_process_sends_and_another_takes_over_when_its_lease_expires() -> None:
    bus, entries, clock, desk = MemoryBus(), MemoryKeyValue(), Clock(), ScriptedChannel()
    await outbox(bus).put("desk", Notice(message=request()))
    assert await channel_leases(entries, "dead").acquire("desk", clock.now)
    other = sender(bus, desk, entries=entries, clock=clock, holder="other")

    await other.send_due()
    assert desk.sent == []
    clock.passes(seconds=31)
    await other.send_due()

    assert desk.sent == [[request().message_id]]


async def test_waiting_does_not_renew_the_lease_on_every_poll() -> None:
    bus, entries, clock = MemoryBus(), MemoryKeyValue(), Clock()
    clock.now = clock.now.replace(hour=23, minute=0)
    await outbox(bus).put("desk", Notice(message=request()))
    waiting = sender(bus, ScriptedChannel(), clock=clock, entries=entries, quiet={"opens": "22:00", "closes": "07:00"})

    for _ in range(60):
        await waiting.send_due()
        clock.passes(seconds=1)

    lease = await entries.read("turn.desk")
    assert lease is not None
    assert lease.revision < 6


async def test_a_request_settled_in_the_meantime_is_skipped() -> None:
    bus, desk, clock = MemoryBus(), ScriptedChannel(), Clock()
    await outbox(bus).put("desk", Notice(message=request()))
    await bus.publish(decided())
    clock.passes(minutes=2)

    await sender(bus, desk, clock=clock).send_due()

    assert desk.sent == []
    assert notifications(bus) == [("desk", "skipped", request().message_id)]


async def test_notices_of_a_removed_channel_become_dead_letters() -> None:
    bus = MemoryBus()
    await outbox(bus).put("old", Notice(message=request()))

    await OrphanedNotices(bus, outbox(bus), ["new"]).dead_letter()

    assert [dead_letter.detail for dead_letter in dead_letters(bus)] == [
        "The configuration no longer has a channel old."
    ]
    assert not await channels_with_notices(bus)

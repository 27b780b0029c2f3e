"""The notifier on the bus in memory: who hears what, when, how often, and what becomes of what nobody takes."""

import io
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from perdure.bus import MemoryBus, MemoryKeyValue
from perdure.bus.resend import resent
from perdure.config.notifier import NotificationSettings
from perdure.contracts import ApprovalReminded, DeadLetter, Notification, Severity
from perdure.errors import Unavailable
from perdure_notifier.app import Notifier
from perdure_notifier.channels import Busy, Channel, Refused
from perdure_notifier.channels.terminal import TerminalChannel
from perdure_notifier.lease import Leases
from perdure_notifier.notice import Notice
from perdure_notifier.orphans import OrphanedNotices
from perdure_notifier.outbox import Outbox
from perdure_notifier.render import render
from tests.support.app_delivery import deliver_all as let_hear
from tests.support.notifier import Clock, Wall, alert, decided, lane, request


def notifier(bus: MemoryBus, channels: Sequence[Channel], **settings: Any) -> Notifier:
    named: dict[str, Any] = {channel.name: {"terminal": {}} for channel in channels}
    said = NotificationSettings.model_validate({"channels": named, **settings})
    return Notifier(bus, MemoryKeyValue(), channels, said, holder="here")


def notifications(bus: MemoryBus) -> list[tuple[str, str, str]]:
    return [(it.channel, it.outcome, it.about) for it in bus.published if isinstance(it, Notification)]


def letters(bus: MemoryBus) -> list[DeadLetter]:
    return [it for it in bus.published if isinstance(it, DeadLetter)]


async def waiting(bus: MemoryBus) -> set[str]:
    return await Outbox(bus).channels()


async def test_people_are_told_and_it_is_said_that_they_were() -> None:
    bus, paper = MemoryBus(), io.StringIO()
    channel = TerminalChannel("terminal", paper)
    await bus.publish(request())

    assert await let_hear(notifier(bus, [channel]).app(), bus) == ["ack"]
    await lane(bus, channel).look()

    assert notifications(bus) == [("terminal", "sent", request().message_id)]
    assert "perdure approve w.1" in paper.getvalue()
    assert not await waiting(bus)


async def test_what_is_heard_twice_is_told_once() -> None:
    bus, wall = MemoryBus(), Wall()
    await bus.publish(request())
    app = notifier(bus, [wall]).app()

    for _ in range(2):
        await let_hear(app, bus)
        await lane(bus, wall).look()

    assert wall.told == [[request().message_id]]


async def test_a_reminder_names_what_it_is_about() -> None:
    bus, wall = MemoryBus(), Wall()
    reminder = ApprovalReminded(workflow="Payment", workflow_id="w", run_id="r", request_id="w.1", count=2)
    await bus.publish(request())
    await bus.publish(reminder)

    await let_hear(notifier(bus, [wall]).app(), bus)
    await lane(bus, wall).look()

    assert [notice.request for notice in wall.notices] == [request(), request()]


async def test_rules_say_who_hears_what() -> None:
    bus, finance, others = MemoryBus(), Wall("finance"), Wall("others")
    rules = [
        {"workflows": ["Pay*"], "severities": ["high"], "channels": ["finance"]},
        {"severities": ["low"], "channels": ["others"]},
    ]
    severities: tuple[Severity, ...] = ("high", "low", "normal")
    for number, severity in enumerate(severities, start=1):
        await bus.publish(request(number, severity=severity))

    await let_hear(notifier(bus, [finance, others], routing=rules).app(), bus)
    for channel in (finance, others):
        await lane(bus, channel).look()

    assert [told[0].rpartition(".")[2] for told in finance.told] == ["1", "3"]
    assert [told[0].rpartition(".")[2] for told in others.told] == ["3", "2"], "the most urgent first"


async def test_people_are_told_of_alerts_by_the_same_rules() -> None:
    bus, admins, others = MemoryBus(), Wall("admins"), Wall("others")
    rules = [{"roles": ["administrator"], "channels": ["admins"]}, {"severities": ["low"], "channels": ["others"]}]
    said = alert(roles=("administrator",), details="All of it", severity="high")
    await bus.publish(said)

    await let_hear(notifier(bus, [admins, others], routing=rules).app(), bus)
    for channel in (admins, others):
        await lane(bus, channel).look()

    assert (admins.told, others.told) == ([[said.message_id]], [])
    words = render(admins.notices[0])
    assert (words.headline, words.text) == ("It broke", "Run w of Payment.\nAll of it")


async def test_a_channel_that_does_not_answer_is_tried_again_later_and_alone() -> None:
    bus, clock = MemoryBus(), Clock()
    down, up = Wall("down", Unavailable("no answer")), Wall("up")
    await bus.publish(request())
    await let_hear(notifier(bus, [down, up]).app(), bus)
    lanes = [lane(bus, channel, clock=clock) for channel in (down, up)]

    due = [await it.look() for it in lanes]
    assert due[0] is not None
    assert due[0] > clock.now
    assert await lanes[0].look() == due[0], "not before"
    clock.now = due[0]
    for it in lanes:
        await it.look()

    assert notifications(bus) == [("up", "sent", request().message_id), ("down", "sent", request().message_id)]


async def test_a_channel_that_asks_for_time_gets_it() -> None:
    bus, clock = MemoryBus(), Clock()
    await Outbox(bus).put("wall", Notice(message=request()))

    due = await lane(bus, Wall("wall", Busy("wait", timedelta(minutes=3))), clock=clock).look()

    assert due == clock.now + timedelta(minutes=3)


async def test_what_a_channel_refuses_is_a_dead_letter_and_others_are_told() -> None:
    bus, other = MemoryBus(), Wall("other")
    await Outbox(bus).put("full", Notice(message=request()))

    await lane(bus, Wall("full", Refused("HTTP 404")), fallback=["full", "other"]).look()
    await lane(bus, other, fallback=["full", "other"]).look()

    (letter,) = letters(bus)
    assert (letter.reason, letter.original_subject) == ("undelivered", "notices.full.normal")
    assert letter.detail == "full does not take it: HTTP 404. Told instead: other."
    assert [notice.instead_of for notice in other.notices] == ["full"]
    assert notifications(bus) == [("full", "failed", request().message_id), ("other", "sent", request().message_id)]


async def test_a_channel_that_stays_away_is_given_up_after_a_while_and_never_before() -> None:
    bus, clock, entries = MemoryBus(), Clock(), MemoryKeyValue()
    for number in (1, 2):
        await Outbox(bus).put("down", Notice(message=request(number)))
    down = Wall("down", *[Unavailable("no answer")] * 1_000)
    settings: dict[str, Any] = {"clock": clock, "entries": entries, "give_up_after": "5m"}
    began = clock.now

    while await waiting(bus):
        due = await lane(bus, down, **settings).look()  # each time another process, as after a crash
        if due is not None:
            clock.now = due

    assert timedelta(minutes=5) <= clock.now - began < timedelta(minutes=6)
    assert notifications(bus) == [("down", "failed", request(number).message_id) for number in (1, 2)]
    clock.passes(minutes=6)
    await Outbox(bus).put("down", Notice(message=request(3)))
    assert await lane(bus, down, **settings).look() is not None, "another day, another patience"


async def test_a_dead_letter_of_a_channel_is_told_there_again_when_it_is_replayed() -> None:
    bus, mended = MemoryBus(), Wall("full")
    await Outbox(bus).put("full", Notice(message=request()))
    await lane(bus, Wall("full", Refused("HTTP 404"))).look()
    (letter,) = letters(bus)
    assert letter.body is not None

    await bus.publish_raw(resent(letter, letter.body, place=1))
    await lane(bus, mended).look()

    assert mended.told == [[request().message_id]]


async def test_in_quiet_hours_only_what_is_critical_is_told() -> None:
    bus, wall, clock = MemoryBus(), Wall(), Clock()
    clock.now = clock.now.replace(hour=23)
    quiet = {"opens": "22:00", "closes": "07:00"}
    severities: tuple[Severity, ...] = ("normal", "critical", "high")
    for number, severity in enumerate(severities, start=1):
        await Outbox(bus).put("wall", Notice(message=request(number, severity=severity)))

    due = await lane(bus, wall, clock=clock, quiet=quiet).look()
    assert wall.told == [[request(2).message_id]]
    assert due is not None
    assert (due.hour, due.minute) == (7, 0)

    clock.now = due
    await lane(bus, wall, clock=clock, quiet=quiet).look()
    assert wall.told[1:] == [[request(3).message_id], [request(1).message_id]]


async def test_many_are_gathered_and_told_together() -> None:
    bus, wall, clock = MemoryBus(), Wall(), Clock()
    for number in range(1, 25):
        await Outbox(bus).put("wall", Notice(message=request(number)))
    digesting = lane(bus, wall, clock=clock, digest="10m")

    assert await digesting.look() is not None
    assert wall.told == []
    clock.passes(minutes=11)
    await digesting.look()

    assert [len(told) for told in wall.told] == [20, 4]
    assert len(notifications(bus)) == 24


async def test_no_more_are_told_than_the_rate_allows() -> None:
    bus, wall, clock = MemoryBus(), Wall(), Clock()
    for number in range(1, 4):
        await Outbox(bus).put("wall", Notice(message=request(number)))
    slow = lane(bus, wall, clock=clock, rate="2/m")

    assert await slow.look() == clock.now + timedelta(seconds=30)
    assert len(wall.told) == 1
    clock.passes(seconds=30)
    await slow.look()

    assert len(wall.told) == 2


async def test_of_several_processes_one_tells_and_the_next_takes_over_where_it_died() -> None:
    bus, entries, clock, wall = MemoryBus(), MemoryKeyValue(), Clock(), Wall()
    await Outbox(bus).put("wall", Notice(message=request()))
    assert await Leases(entries, "dead").take("wall", clock.now)
    other = lane(bus, wall, entries=entries, clock=clock, holder="other")

    await other.look()
    assert wall.told == []
    clock.passes(seconds=31)
    await other.look()

    assert wall.told == [[request().message_id]]


async def test_waiting_for_hours_writes_nothing_every_second() -> None:
    bus, entries, clock = MemoryBus(), MemoryKeyValue(), Clock()
    clock.now = clock.now.replace(hour=23, minute=0)
    await Outbox(bus).put("wall", Notice(message=request()))
    waits = lane(bus, Wall(), clock=clock, entries=entries, quiet={"opens": "22:00", "closes": "07:00"})

    for _ in range(60):
        await waits.look()
        clock.passes(seconds=1)

    turn = await entries.read("turn.wall")
    assert turn is not None
    assert turn.revision < 6


async def test_a_question_that_was_settled_while_it_waited_is_put_to_nobody() -> None:
    bus, wall, clock = MemoryBus(), Wall(), Clock()
    await Outbox(bus).put("wall", Notice(message=request()))
    await bus.publish(decided())
    clock.passes(minutes=2)

    await lane(bus, wall, clock=clock).look()

    assert wall.told == []
    assert notifications(bus) == [("wall", "skipped", request().message_id)]


async def test_what_waits_for_a_channel_that_is_gone_is_a_dead_letter() -> None:
    bus = MemoryBus()
    await Outbox(bus).put("old", Notice(message=request()))

    await OrphanedNotices(bus, Outbox(bus), ["new"]).dead_letter()

    assert [letter.detail for letter in letters(bus)] == ["The configuration no longer has a channel old."]
    assert not await waiting(bus)

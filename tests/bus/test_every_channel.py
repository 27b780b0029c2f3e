"""Every kind of channel: text that its protocol cannot carry, one dead target, and messages that are out of date."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from perdure.bus import RawMessage
from perdure.bus.resend import resent
from perdure.config.channels import CHANNEL_KINDS
from perdure.contracts import (
    ApprovalEscalated,
    ApprovalExpired,
    ApprovalReminded,
    DeadLetter,
    Escalation,
    Message,
    Notification,
    Policy,
)
from tests.support.channel_desk import Refusing, desk
from tests.support.channel_screens import SCREENS
from tests.support.notifier import NOON, alert, decided, request

ABOUT: dict[str, Any] = {"workflow": "Payment", "workflow_id": "w", "run_id": "r", "request_id": "w.1"}
BOARD = Escalation(after="1h", roles=("board",))
ASKED = request(policy=Policy(roles=("finance",), escalate=(BOARD,)), details="Invoice 7")
DECIDED = decided()
EXPIRED = ApprovalExpired(**ABOUT, expired_at=NOON)
WITHDRAWN = ApprovalExpired(**ABOUT, expired_at=NOON, reason="the run closed this request")
OUTCOMES = {"decided": (DECIDED, "ada"), "expired": (EXPIRED, "in time"), "withdrawn": (WITHDRAWN, "closed this")}


def test_every_kind_of_channel_has_a_screen() -> None:
    assert set(SCREENS) == set(CHANNEL_KINDS)


HOSTILE: dict[str, Callable[[], Message]] = {
    "control characters": lambda: request(title="Pay\r\nBcc: x \x00\x1b[2K\u202e", details="\x00\u2066", action="\x9b"),
    "nothing but white space": lambda: request(title=" \n\t", details=" ", action="\n"),
    "much text": lambda: request(title="t" * 100_000, details="d" * 100_000, action=["&`*" * 50_000]),
    "signs of markup": lambda: request(title="<!channel> *x* `y` ~z~ &lt;", details={"<b>": "```"}, action="|" * 99),
    "every plane": lambda: request(title="Ä漢🦆\U000e0041", details="\ufffe\uffff", action="é" * 5_000),
    "a long run id": lambda: request(workflow_id="w" * 2_500, request_id="w" * 2_500 + ".1"),
    "a long comment": lambda: decided().model_copy(update={"comment": "c\r\n" * 5_000, "approver": "a\n" * 500}),
    "an empty reason": lambda: ApprovalExpired(**ABOUT, expired_at=NOON, reason=" "),
    "an alert with much text": lambda: alert(title="\x00" * 10_000, details="\u202e" * 50_000, roles=("finance",)),
    "an empty alert": lambda: alert(title="", details="", roles=("finance",)),
}


@pytest.mark.parametrize("kind", CHANNEL_KINDS)
@pytest.mark.parametrize("text", HOSTILE)
async def test_text_that_a_protocol_cannot_carry_is_sent_in_a_form_that_it_can(
    kind: str, text: str, tmp_path: Path
) -> None:
    message = HOSTILE[text]()
    async with desk(kind, tmp_path) as it:
        await it.notify(*([ASKED] if message.type in {"approvals.decided", "approvals.expired"} else []), message)

        assert it.sent("under_test")[-1] == message.message_id
        assert [dead_letter for dead_letter in it.bus.published if isinstance(dead_letter, DeadLetter)] == []


@pytest.mark.parametrize("kind", CHANNEL_KINDS)
async def test_a_dead_target_keeps_no_other_from_this_notice_and_from_later_ones(kind: str, tmp_path: Path) -> None:
    async with desk(kind, tmp_path) as other, desk(kind, tmp_path, dead=True) as it:
        await it.notify(request(1), request(2))
        await other.notify(request(1), request(2))

        assert it.sent("under_test") == [], "a target has not got it"
        if it.screen.several_targets:
            assert it.screen.texts() == other.screen.texts(), "the living target has both"
        assert len(other.screen.texts()) >= 1


@pytest.mark.parametrize("kind", CHANNEL_KINDS)
async def test_a_target_that_stays_dead_is_given_up_by_name_and_the_living_get_each_notice_once(
    kind: str, tmp_path: Path
) -> None:
    async with desk(kind, tmp_path, dead=True) as it:
        await it.notify(request(1), request(2))
        for _ in range(40):
            it.clock.passes(minutes=1)
            await it.send()

        gone = [dead_letter for dead_letter in it.bus.published if isinstance(dead_letter, DeadLetter)]
        assert len(gone) == 2
        assert all("failed for" in dead_letter.detail for dead_letter in gone)
        if it.screen.several_targets:
            assert len(it.screen.texts()) == 2


@pytest.mark.parametrize("kind", CHANNEL_KINDS)
@pytest.mark.parametrize("outcome", OUTCOMES)
async def test_a_request_that_is_settled_elsewhere_is_shown_as_settled(kind: str, outcome: str, tmp_path: Path) -> None:
    message, words = OUTCOMES[outcome]
    async with desk(kind, tmp_path) as it:
        await it.notify(ASKED)
        await it.notify(message)

        assert it.screen.controls() == []
        assert words in it.screen.texts()[-1]


@pytest.mark.parametrize("kind", CHANNEL_KINDS)
@pytest.mark.parametrize("outcome", OUTCOMES)
async def test_a_request_in_a_digest_is_shown_as_settled_and_the_others_stay_open(
    kind: str, outcome: str, tmp_path: Path
) -> None:
    message, words = OUTCOMES[outcome]
    async with desk(kind, tmp_path, options={"digest": "10m"}) as it:
        await it.notify(ASKED, request(2), request(3))
        it.clock.passes(minutes=11)
        await it.send()
        had_buttons = it.screen.controls()
        await it.notify(message, request(4))
        it.clock.passes(minutes=11)
        await it.send()

        assert "w.1" not in it.screen.controls()
        assert set(it.screen.controls()) == ({"w.2", "w.3", "w.4"} if had_buttons else set())
        assert any(words in text for text in it.screen.texts())


@pytest.mark.parametrize("kind", CHANNEL_KINDS)
async def test_a_request_that_is_settled_before_its_digest_is_sent_has_no_button(kind: str, tmp_path: Path) -> None:
    async with desk(kind, tmp_path, options={"digest": "10s"}) as it:
        await it.notify(ASKED, request(2), DECIDED)
        it.clock.passes(seconds=11)
        await it.send()

        assert "w.1" not in it.screen.controls()
        assert "ada" in it.screen.texts()[-1]


@pytest.mark.parametrize("kind", CHANNEL_KINDS)
@pytest.mark.parametrize("outcome", OUTCOMES)
async def test_an_outcome_goes_wherever_its_request_was_shown_whatever_the_rules_are_by_then(
    kind: str, outcome: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    message, words = OUTCOMES[outcome]
    async with desk(kind, tmp_path) as it:
        await it.notify(ASKED)
        monkeypatch.setattr("perdure_notifier.app.channels_for", lambda *_: ())  # the hours of its rule are over
        await it.notify(message)

        assert it.screen.controls() == []
        assert words in it.screen.texts()[-1]


@pytest.mark.parametrize("kind", CHANNEL_KINDS)
async def test_an_outcome_goes_to_the_channel_that_sent_the_request_instead_of_another(
    kind: str, tmp_path: Path
) -> None:
    first = Refusing()
    routing = [{"channels": ["first"]}]
    async with desk(kind, tmp_path, others=[first], fallback=["under_test"], routing=routing) as it:
        await it.notify(ASKED)
        first.works = True
        await it.notify(DECIDED)

        assert it.sent("first") == [DECIDED.message_id]
        assert it.screen.controls() == []
        assert "ada" in it.screen.texts()[-1]


@pytest.mark.parametrize("kind", CHANNEL_KINDS)
async def test_an_escalation_is_shown_and_later_notices_go_to_whom_it_added(kind: str, tmp_path: Path) -> None:
    async with desk(kind, tmp_path) as it:
        await it.notify(ASKED)
        await it.notify(ApprovalEscalated(**ABOUT, to=("board",), count=1))
        assert "board" in it.screen.texts()[-1]
        await it.notify(ApprovalReminded(**ABOUT, count=1))

        notes = [it for it in it.bus.published if isinstance(it, Notification)]
        assert kind != "email" or "bob@example.com" in notes[-1].detail
        await it.notify(DECIDED)
        assert "ada" in "\n".join(it.screen.texts())
        assert it.screen.controls() == []


@pytest.mark.parametrize("kind", CHANNEL_KINDS)
async def test_a_request_that_is_sent_again_by_hand_after_it_was_settled_is_not_shown(
    kind: str, tmp_path: Path
) -> None:
    async with desk(kind, tmp_path, dead=True) as it:
        await it.notify(ASKED)
        for _ in range(20):
            it.clock.passes(minutes=1)
            await it.send()
    async with desk(kind, tmp_path) as again:
        (gone,) = [dead_letter for dead_letter in it.bus.published if isinstance(dead_letter, DeadLetter)]
        await again.bus.publish(DECIDED)
        original = RawMessage(gone.original_subject, gone.body or b"", gone.headers)
        await again.bus.publish_raw(resent(original, place=gone.place, number=1))
        await again.send()

        assert again.screen.controls() == []
        assert not any("Invoice 7" in text for text in again.screen.texts())
        outcomes = [note.outcome for note in again.bus.published if isinstance(note, Notification)]
        assert outcomes == ["skipped"]

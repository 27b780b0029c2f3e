"""The inbox screen: rows, keys and notifications, with receipts from a simulated run."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from textual.pilot import Pilot
from textual.widgets import DataTable, Static

from perdure.approvers import SigningKey
from perdure.bus import MemoryBus, decode
from perdure.cli.approvals.inbox_screen import Inbox
from perdure.contracts import ApprovalEscalated, Decision, Escalation, Policy, Receipt
from tests.support.notifier import decided, request

KEY = SigningKey.new()


@asynccontextmanager
async def inbox_with(bus: MemoryBus, *titles: str) -> AsyncIterator[Pilot[None]]:
    for number, title in enumerate(titles, 1):
        await bus.publish(request(number, title=title, details=f"All about {number}."))
    async with Inbox(bus, "ada", KEY).run_test(size=(140, 40)) as pilot:
        await until_rows(pilot, len(titles))
        yield pilot


async def until_rows(pilot: Pilot[None], count: int) -> None:
    async with asyncio.timeout(10):
        while pilot.app.query_one(DataTable).row_count != count:
            await pilot.pause(0.02)
    await pilot.pause()


async def judge(bus: MemoryBus, *, accepted: bool, reason: str) -> Decision:
    """Publish a receipt for the next decision, as the run would."""
    async for message in bus.subscribe("decisions.>", replay=True):
        decision = decode(message.raw)
        assert isinstance(decision, Decision)
        code = "accepted" if accepted else "duplicate"
        about = {"request_id": decision.request_id, "decision_id": decision.message_id}
        await bus.publish(Receipt(**about, accepted=accepted, code=code, reason=reason))
        return decision
    raise AssertionError


def shown(pilot: Pilot[None]) -> str:
    return str(pilot.app.query_one("#shown Static", Static).visual)


async def notification(pilot: Pilot[None]) -> str:
    async with asyncio.timeout(10):
        while not (notes := list(pilot.app._notifications)):  # noqa: SLF001 (Textual has no public list of them)
            await pilot.pause(0.02)
    (note,) = notes
    return f"{note.severity}: {note.message}"


async def test_a_key_and_a_comment_approve_the_request_on_the_screen() -> None:
    bus = MemoryBus()
    async with inbox_with(bus, "Pay 1?", "Pay 2?") as pilot:
        await pilot.press("down")
        assert "All about 2." in shown(pilot)

        await pilot.press("a", *"fine", "enter")
        decision = await judge(bus, accepted=True, reason="it counts: 1 of 2")
        pay = request(2, title="Pay 2?", details="All about 2.")

        assert await notification(pilot) == "information: Pay 2?\nit counts: 1 of 2"
    published = (decision.request_id, decision.decision, decision.approver, decision.comment, decision.digest)
    assert published == ("w.2", "approve", "ada", "fine", pay.digest)
    assert decision.key_id == KEY.key_id


async def test_a_rejection_needs_a_reason() -> None:
    bus = MemoryBus()
    async with inbox_with(bus, "Pay 1?") as pilot:
        await pilot.press("r", "enter")
        assert not [it for it in bus.published if isinstance(it, Decision)]

        await pilot.press(*"no", "enter")
        decision = await judge(bus, accepted=False, reason="you approved before")

        assert await notification(pilot) == "error: Pay 1?\nyou approved before"
    assert (decision.decision, decision.comment) == ("reject", "no")


async def test_escape_publishes_nothing() -> None:
    bus = MemoryBus()
    async with inbox_with(bus, "Pay 1?") as pilot:
        await pilot.press("a", *"fine", "escape")
        await pilot.pause(0.1)

        assert not [it for it in bus.published if isinstance(it, Decision)]
        assert "All about 1." in shown(pilot)


async def test_requests_come_and_go_while_the_cursor_stays() -> None:
    bus = MemoryBus()
    async with inbox_with(bus, "Pay 1?", "Pay 2?") as pilot:
        await pilot.press("down")

        await bus.publish(decided(1))
        await until_rows(pilot, 1)
        await bus.publish(request(3))
        await until_rows(pilot, 2)

        assert "All about 2." in shown(pilot)


async def test_a_search_filters_requests() -> None:
    async with inbox_with(MemoryBus(), "Pay 1?", "Delete all?") as pilot:
        await pilot.press("slash", *"delete", "enter")
        await until_rows(pilot, 1)

        assert "Delete all?" in shown(pilot)


async def test_markup_and_control_characters_of_a_title_are_shown_literally() -> None:
    async with inbox_with(MemoryBus(), "[red]Pay[/] \x1b[2K\u202e1?") as pilot:
        (row,) = pilot.app.query_one(DataTable).rows

        assert str(pilot.app.query_one(DataTable).get_row(row)[0]) == r"[red]Pay[/] \u001b[2K\u202e1?"
        assert r"[red]Pay[/] \u001b[2K\u202e1?" in shown(pilot)


async def test_a_request_is_approved_after_an_escalation_that_added_the_person() -> None:
    bus, rung = MemoryBus(), Escalation(after=timedelta(hours=1), people=("ada",), instead=True)
    opened = request(1, title="Pay 1?", policy=Policy(people=("bob",), escalate=(rung,)), digest_version=2)
    about = opened.model_dump(include={"workflow", "workflow_id", "run_id", "request_id"})
    await bus.publish(opened)
    await bus.publish(ApprovalEscalated(**about, to=("ada",), count=1))
    async with Inbox(bus, "ada", KEY).run_test(size=(140, 40)) as pilot:
        await until_rows(pilot, 1)
        assert "1 of ada" in shown(pilot)

        await pilot.press("a", *"fine", "enter")
        decision = await judge(bus, accepted=True, reason="it counts")

    assert (decision.decision, decision.digest) == ("approve", opened.digest)

"""Wherever the notifier dies, people are told, and what it says of that has one id."""

import itertools
from datetime import UTC, datetime

from perdure.bus import Heard, MemoryBus, encode
from perdure.contracts import ApprovalRequested, Message, Notification
from perdure_notifier.app import create_app
from perdure_notifier.render import Notice
from tests.fuse import Fuse, Fused, Killed

REQUEST = ApprovalRequested(
    workflow="W",
    workflow_id="w",
    run_id="r",
    request_id="w.1",
    title="Shall we?",
    digest="a" * 64,
    opened_at=datetime(2026, 12, 1, tzinfo=UTC),
)
HEARD = Heard(encode(REQUEST, source="test"), "APPROVALS", 1, datetime(2026, 12, 1, tzinfo=UTC), 0)


class Wall:
    name = "wall"

    def __init__(self) -> None:
        self.told: list[str] = []

    async def tell(self, _: Notice, about: Message) -> str:
        self.told.append(about.message_id)
        return "written"


async def test_wherever_the_notifier_dies_the_next_one_tells_what_it_did_not() -> None:
    for number in itertools.count(1):
        bus, wall, fuse = MemoryBus(), Wall(), Fuse(number)
        dying = create_app(Fused(bus, fuse), [Fused(wall, fuse)])
        try:
            await dying.hears[0].handle(HEARD)
        except Killed:
            await create_app(bus, [wall]).hears[0].handle(HEARD)

        assert set(wall.told) == {REQUEST.message_id}, "told, and by the same key if twice"
        assert {note.message_id for note in bus.said if isinstance(note, Notification)} == {
            f"wall.sent.{REQUEST.message_id}"
        }
        if fuse.left > 0:
            break
    assert number == 5, "one channel and one notification, each with a spark before and after"

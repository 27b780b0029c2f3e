import json
from datetime import UTC, datetime
from typing import Any

import pytest

from perdure.bus import RawMessage, StoredMessage
from perdure.config.routes import Route
from perdure_ingest.event_lanes import EventLanes
from perdure_ingest.rules import compile_rules

PLACED = Route(on="orders.placed", start="Order", order="data.order")
CHANGED = Route(on="orders.*", when="has(data.stock)", signal="changed", workflow_id="a", order="data.stock")
LOGGED = Route(on="orders.*", signal="noted", workflow_id="log")


def lanes_of(type_: str, data: Any, *routes: Route) -> set[str]:
    lanes = EventLanes(compile_rules(routes), 1_000)
    raw = RawMessage(f"events.{type_}", json.dumps(data).encode(), {})
    return set(lanes(StoredMessage(raw, "EVENTS", 1, datetime.now(UTC), pending=0)))


@pytest.mark.parametrize(
    ("type_", "data", "lanes"),
    [
        ("orders.placed", {"order": 7, "stock": "s"}, {"7", "s"}),
        ("orders.placed", {"order": 7}, {"7"}),
        ("orders.changed", {"order": 7, "stock": "s"}, {"s"}),
        ("orders.changed", {"order": 7}, set()),
        ("orders.placed", {"order": {}}, set()),
        ("orders.placed", "x" * 2_000, set()),
        ("mails.sent", {"order": 7}, set()),
    ],
)
def test_an_event_has_the_order_keys_of_all_routes_that_take_it(type_: str, data: Any, lanes: set[str]) -> None:
    assert lanes_of(type_, data, PLACED, CHANGED, LOGGED) == lanes


def test_only_routes_with_an_order_keep_one() -> None:
    assert EventLanes(compile_rules([PLACED, LOGGED]), 1_000).keep_order
    assert not EventLanes(compile_rules([LOGGED]), 1_000).keep_order

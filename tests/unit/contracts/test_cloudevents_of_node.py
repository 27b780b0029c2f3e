"""Events are read as the official SDK for JavaScript writes them, from npm.

In headers it does not encode the percent sign, as the NATS binding demands: a source with one is read decoded.
"""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest

from perdure.bus import RawMessage, read_event

ROOT: Final = Path(__file__).parents[3]
MODULES: Final = Path(sys.prefix) / "npm" / "node_modules"
EVENT: Final = {"id": "ü 1", "type": "orders.placed", "source": "/shop?a=b#c", "time": "2026-11-29T12:00:00.5Z"}


def written(event: dict[str, Any]) -> list[RawMessage]:
    """Return an event in binary and in structured mode."""
    assert (MODULES / "cloudevents").exists(), "The SDK from npm is not installed: run `make test`"
    command = ["node", str(ROOT / "tests" / "npm" / "write_cloudevents.cjs"), json.dumps(event)]
    environment = {**os.environ, "NODE_PATH": str(MODULES)}
    found = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=120)
    lines = [json.loads(line) for line in found.stdout.splitlines()]
    return [RawMessage("events.orders.placed", line["body"].encode(), line["headers"]) for line in lines]


@pytest.mark.parametrize(
    ("more", "data"),
    [
        ({"data": {"sum": 3}, "datacontenttype": "application/json"}, {"sum": 3}),
        ({"data": {"sum": 3}}, {"sum": 3}),
        ({"data": [1, "ü", None], "subject": "order 7", "tenant": "a"}, [1, "ü", None]),
        ({}, None),
    ],
)
def test_its_events_are_read_in_both_modes(more: dict[str, Any], data: object) -> None:
    for raw in written(EVENT | more):
        event = read_event(raw, fallback_id="unused")

        assert (event.id, event.source, event.data) == (EVENT["id"], EVENT["source"], data), raw
        assert event.subject == more.get("subject")
        assert event.time == datetime(2026, 11, 29, 12, microsecond=500_000, tzinfo=UTC)

"""What `perdure routes backfill` prints of a long backfill: how far it is, and how many events became what."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from perdure.cli import backfill_tally
from perdure.cli.backfill import Backfill
from perdure.cli.backfill_tally import BackfillTally
from perdure.contracts.backfill import BackfilledEvent
from perdure.values.rate import Rate

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
PLAN = Backfill(
    bus=cast("Any", None),
    id="20261129T120000Z-4fa1",
    route="Invoice",
    rules="0" * 64,
    since=NOW - timedelta(days=40),
    until=NOW,
    sequences=range(1, 6),
    judged={},
    kept_since=NOW - timedelta(days=30),
    rate=Rate(times=10, per=timedelta(seconds=1)),
    limit=None,
    by="ada",
    dry_run=False,
)
TAKEN = BackfilledEvent(stream_sequence=1, event_id="e1", fate="taken", verdict="started", detail="starts Invoice")
OTHER = BackfilledEvent(stream_sequence=2, fate="no_match", detail="data.n is 0")
REFUSED = BackfilledEvent(stream_sequence=3, fate="refused", reason="bad_data", detail="\x1b[31mno\nnumber")


def test_it_says_from_when_on_events_are_kept_and_how_far_it_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backfill_tally, "_REPORT_SECONDS", 0)
    tally = BackfillTally(PLAN, as_json=False)

    tally.print_start()
    tally.add(TAKEN)
    tally.add(OTHER)

    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("EVENTS keeps events from 2026-10-30")
    assert lines[1].startswith("5 events from ")
    assert lines[2:] == ["1 of 5 events: 1 taken (1 started).", "2 of 5 events: 1 no match, 1 taken (1 started)."]


def test_it_counts_by_reason_and_says_that_the_rest_is_left(capsys: pytest.CaptureFixture[str]) -> None:
    tally = BackfillTally(PLAN, as_json=False)
    for event in (TAKEN, OTHER, REFUSED):
        tally.add(event)

    tally.print_end()

    taken, refused, end = capsys.readouterr().out.splitlines()
    assert taken == "✓ EVENTS 1  e1  started: starts Invoice"
    assert refused.startswith("✗ EVENTS 3    refused, bad_data: ")
    assert "\x1b" not in refused
    assert end == (
        "Backfill 20261129T120000Z-4fa1: 1 no match, 1 refused (1 bad_data), 1 taken (1 started); "
        "2 not looked at: the same command goes on with them."
    )
    assert not tally.is_clean


def test_a_dry_run_prints_every_event(capsys: pytest.CaptureFixture[str]) -> None:
    tally = BackfillTally(replace(PLAN, dry_run=True, kept_since=None), as_json=False)

    tally.add(OTHER)
    tally.print_end()

    assert capsys.readouterr().out.splitlines() == [
        "· EVENTS 2    no match: data.n is 0",
        "Dry run, nothing was done: 1 no match.",
    ]
    assert tally.is_clean

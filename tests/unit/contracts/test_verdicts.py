"""Which of several verdicts of one route counts."""

from itertools import permutations
from typing import get_args

from perdure.contracts import EventVerdict, RouteVerdict, VerdictKind, last_words, verdict_rank


def test_every_verdict_has_a_rank_of_its_own_and_an_unknown_one_wins() -> None:
    kinds = get_args(VerdictKind)
    ranks = {verdict_rank(kind) for kind in kinds}

    assert len(ranks) == len(kinds)
    assert verdict_rank("of_a_newer_service") < min(ranks)


def test_what_happened_is_not_undone_by_the_first_verdict_that_is_stored_later() -> None:
    later = ("released", "batched_into", "skipped", "debounced_into", "duplicate_of", "refused")

    assert all(verdict_rank(kind) < verdict_rank("held") for kind in later)


def test_the_verdict_of_the_newest_backfill_counts_whatever_was_before() -> None:
    live = RouteVerdict(route="R", verdict="skipped")
    old, new = (RouteVerdict(route="R", verdict="started", backfill=it) for it in ("20261128T1-a", "20261129T1-b"))
    held = RouteVerdict(route="R", verdict="held", backfill="20261129T1-b")

    for order in permutations([live, old, new, held]):
        assert last_words(order) == (new,)


def test_a_change_by_a_backfill_is_a_message_of_its_own() -> None:
    verdict = EventVerdict(
        event_id="e",
        event_type="t",
        stream_sequence=1,
        rules="0" * 64,
        routes=(RouteVerdict(route="R", verdict="started"),),
        change=True,
    )
    (route,) = verdict.routes
    ids = {
        verdict.model_copy(update={"routes": (route.model_copy(update={"backfill": it}),)}).message_id
        for it in (None, "a", "b")
    }

    assert len(ids) == 3
    assert {it.count(".") for it in ids} == {3}

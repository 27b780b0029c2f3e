"""Which of several verdicts of one route counts."""

from typing import get_args

from perdure.contracts import VerdictKind, verdict_rank


def test_every_verdict_has_a_rank_of_its_own_and_an_unknown_one_wins() -> None:
    kinds = get_args(VerdictKind)
    ranks = {verdict_rank(kind) for kind in kinds}

    assert len(ranks) == len(kinds)
    assert verdict_rank("of_a_newer_service") < min(ranks)


def test_what_happened_is_not_undone_by_the_first_verdict_that_is_stored_later() -> None:
    later = ("released", "batched_into", "skipped", "debounced_into", "duplicate_of", "refused")

    assert all(verdict_rank(kind) < verdict_rank("held") for kind in later)

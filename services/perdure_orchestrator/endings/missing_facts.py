"""What the progress of a run lacks: its sequence has no gap, and an ending."""

from collections.abc import Iterator, Sequence

from perdure.contracts import Progress

__all__ = ["missing_facts"]


def missing_facts(facts: Sequence[Progress], ending: Progress) -> Iterator[Progress]:
    """Yield the facts that a run lacks, so that its sequence has no gap: ends of steps, and the ending."""
    published = {fact.sequence for fact in facts}
    steps = {fact.sequence: fact.step for fact in facts if fact.kind == "step_started"}
    last = max([*published, *(number + 1 for number in steps)], default=0)
    for number in sorted(set(range(1, last + 1)) - published):
        about = {"sequence": number, "at": ending.at, "error": "the run ended first", "result": None, "usage": None}
        if number - 1 in steps:
            yield ending.model_copy(update={**about, "kind": "step_failed", "step": steps[number - 1]})
        else:
            yield ending.model_copy(update={**about, "kind": "note"})
    yield ending.model_copy(update={"sequence": last + 1})

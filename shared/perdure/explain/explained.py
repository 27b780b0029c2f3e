"""Chooses whose words answer: those on the event, run, request, decision or dead letter."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from perdure.contracts import Event
from perdure.explain.dead_letter_cause import dead_letter_answer, settled_answer
from perdure.explain.decision_cause import decision_answer
from perdure.explain.due_cause import due_answer
from perdure.explain.event_cause import event_answer, why_not
from perdure.explain.evidence import evidence
from perdure.explain.explanation import Answer, Explanation, cite
from perdure.explain.pause_cause import paused_answer
from perdure.explain.request_cause import request_answer
from perdure.explain.run_cause import run_answer
from perdure.explain.snapshot import About, Cited, EventFacts, FactSnapshot

__all__ = ["explained"]


def explained(snapshot: FactSnapshot) -> Explanation:
    """Return what became of the thing that a snapshot is about, why, and what to do."""
    return Explanation(
        snapshot.asked,
        snapshot.about,
        _answer(snapshot),
        tuple(evidence(snapshot)),
        tuple(sorted(snapshot.silent)),
        tuple(sorted(snapshot.unrecorded)),
    )


def _answer(snapshot: FactSnapshot) -> Answer:
    answers: dict[About, Callable[[FactSnapshot], Answer | None]] = {
        "event": _of_event,
        "run": lambda it: run_answer(it, it.runs[0]) if it.runs else None,
        "request": lambda it: request_answer(it, it.requests[0]) if it.requests else None,
        "decision": lambda it: decision_answer(it) if it.decision or it.receipts else None,
        "dead_letter": _of_dead_letter,
        "due_time": _of_due_time,
    }
    answer = answers[snapshot.about](snapshot) if snapshot.about in answers else None
    if answer is not None and snapshot.pause is not None and snapshot.about in {"event", "run"}:
        answer = paused_answer(answer, snapshot.pause)
    return answer or _unknown(snapshot)


def _of_event(snapshot: FactSnapshot) -> Answer | None:
    event, route = snapshot.event, snapshot.route
    if event is None:
        return None
    answer = event_answer(snapshot, event) if route is None else why_not(snapshot, event, route)
    return _with_same_id(answer, event, snapshot.same_id) if snapshot.same_id else answer


def _with_same_id(answer: Answer, event: EventFacts, others: Sequence[Cited[Event | None]]) -> Answer:
    """Return an answer that names the other events with the same id."""
    places = [it.place for it in others]
    have = "1 other event has" if len(others) == 1 else f"{len(others)} other events have"
    text = f"{answer.became.text} This is the newest, {event.place}; {have} the same id: {', '.join(places)}."
    return replace(answer, became=cite(text, *answer.became.places, event.place, *places))


def _of_dead_letter(snapshot: FactSnapshot) -> Answer | None:
    if snapshot.settlements:
        return settled_answer(snapshot.settlements[-1], None if snapshot.event is None else snapshot.event.id)
    return dead_letter_answer(snapshot.dead_letters[0]) if snapshot.dead_letters else None


def _of_due_time(snapshot: FactSnapshot) -> Answer | None:
    """Return why a due time has no event; None if what might have one is silent."""
    is_sure = snapshot.due is not None and not {"EVENTS", "audit"} & {*snapshot.silent}
    return due_answer(snapshot.asked, snapshot.due) if is_sure and snapshot.due else None


def _unknown(snapshot: FactSnapshot) -> Answer:
    became = cite(f"Nothing that answers now knows {snapshot.asked}.")
    if snapshot.route is not None:
        became = cite(f"No event is known as {snapshot.asked}, so what {snapshot.route} made of it is unknown.")
    if snapshot.silent:
        silent = ", ".join(sorted(snapshot.silent))
        return Answer(
            "silent",
            became,
            cite(f"Not everything was read: {silent} did not answer in time."),
            cite("Run `perdure doctor`, which names what is down, and ask again."),
        )
    return Answer(
        "unknown",
        became,
        cite(
            "No event, run, approval request, decision or dead letter has this id: it was never stored, or has expired."
        ),
        cite(
            "Compare the id with what `perdure publish` printed, or publish the event again; "
            "`perdure runs list` and `perdure dlq list` show what is there."
        ),
    )

"""What became of an event, by the verdicts of the routes and by its runs."""

from collections.abc import Sequence
from typing import Final

from perdure.contracts import ENDINGS, WITHOUT_RUN, EventVerdict, RouteVerdict
from perdure.explain.dead_letter_cause import refused_answer, settled_answer
from perdure.explain.explanation import ASK_THE_SUITE, Answer, Cause, cite, closed
from perdure.explain.held_cause import held_answer
from perdure.explain.run_cause import run_answer
from perdure.explain.snapshot import Cited, EventFacts, FactSnapshot, RunFacts
from perdure.explain.verdict_cause import verdict_answer

__all__ = ["event_answer", "why_not"]

_NOTABLE: Final = {"skipped": 0, "cancelled": 1, "debounced_into": 2}


def event_answer(snapshot: FactSnapshot, event: EventFacts) -> Answer:
    """Return the answer for an event."""
    outcome, words = event.outcome, snapshot.words
    if outcome is not None and outcome.refused is not None:
        return refused_answer(outcome.refused, f"The event {event.id}", event.place)
    if words and all(it.message.verdict == "duplicate_of" for it in words):
        return verdict_answer(event, words[0])
    if snapshot.runs:
        run, held = _telling(snapshot.runs), _still_held(snapshot)
        is_over = run.last is not None and run.last.message.kind in ENDINGS
        return held_answer(event.id, event.place, held) if held and is_over else run_answer(snapshot, run)
    return _without_run(snapshot, event)


def _still_held(snapshot: FactSnapshot) -> Cited[RouteVerdict] | None:
    """Return the verdict of a route that holds a start of which no command and no fact is known."""
    begun = {it.message.route for it in snapshot.commands} | {run.workflow_id for run in snapshot.runs}
    held = (it for it in snapshot.words if it.message.verdict == "held")
    return next((it for it in held if not {it.message.route, it.message.workflow_id} & begun), None)


def _without_run(snapshot: FactSnapshot, event: EventFacts) -> Answer:
    words = snapshot.words
    if held := [it for it in words if it.message.verdict == "held"]:
        return held_answer(event.id, event.place, held[0])
    if snapshot.settlements:
        return settled_answer(snapshot.settlements[-1], event.id)
    if refusals := [it for it in snapshot.verdicts if it.message.refused]:
        return _refused(event, refusals[0])
    if words and all(it.message.verdict in WITHOUT_RUN for it in words):
        return _left_alone(event, words)
    if words:
        return verdict_answer(event, min(words, key=lambda it: it.message.verdict in WITHOUT_RUN))
    return _unjudged(snapshot, event)


def why_not(snapshot: FactSnapshot, event: EventFacts, route: str) -> Answer:
    """Return why a route did not take an event, or that it did."""
    verdict = next((it for it in snapshot.words if it.message.route == route), None)
    firsts = [it for it in snapshot.verdicts if not it.message.change]
    if verdict is None:
        if not firsts:
            return _unjudged(snapshot, event)
        return _not_listed(event, route, firsts[0].place, is_hidden=bool(firsts[0].message.unreported))
    word, run = verdict.message.verdict, verdict.message.workflow_id
    if word == "held":
        own = next((it for it in snapshot.runs if it.workflow_id == run and it.last is not None), None)
        return held_answer(event.id, event.place, verdict) if own is None else run_answer(snapshot, own)
    if word == "refused" and event.outcome is not None and event.outcome.refused is not None:
        return refused_answer(event.outcome.refused, f"The event {event.id}", event.place)
    own = next((it for it in snapshot.runs if it.workflow_id == run), None)
    if own is None or word == "duplicate_of":
        return verdict_answer(event, verdict)
    return run_answer(snapshot, own)


def _telling(runs: Sequence[RunFacts]) -> RunFacts:
    """Return the run that says most: one that is open, then one that has not completed."""

    def rank(run: RunFacts) -> int:
        kind = None if run.last is None else run.last.message.kind
        return 0 if kind not in ENDINGS else 1 + (kind == "completed")

    return min(runs, key=rank)


def _left_alone(event: EventFacts, words: Sequence[Cited[RouteVerdict]]) -> Answer:
    notable = min(words, key=lambda it: _NOTABLE.get(it.message.verdict, len(_NOTABLE)))
    answer = verdict_answer(event, notable)
    others = [it for it in words if it is not notable]
    if not others:
        return answer
    text = "; ".join([answer.why.text.rstrip("."), *(it.message.sentence.rstrip(".") for it in others)])
    why = cite(f"{text}.", *answer.why.places, *(it.place for it in others))
    return Answer(answer.cause, answer.became, why, answer.remedy)


def _refused(event: EventFacts, verdict: Cited[EventVerdict]) -> Answer:
    return Answer(
        "dead_letter",
        cite(f"The event {event.id} was refused: no run comes of it.", event.place, verdict.place),
        cite(f"The reason is {verdict.message.refused}: {closed(verdict.message.detail)}", verdict.place),
        cite("Mend what the reason names, and publish the event again under a new id.", verdict.place),
    )


def _not_listed(event: EventFacts, route: str, place: str, *, is_hidden: bool) -> Answer:
    cause: Cause = "unreported" if is_hidden else "not_named"
    became = cite(f"Nothing is stored of the route {route} and the event {event.id}.", event.place, place)
    if is_hidden:
        why = "The verdict leaves out routes with `verdicts: false`, and this may be one of them."
        remedy = f"Set `verdicts: true` on {route}, or try the event with `perdure routes check`."
    else:
        why = f"No route {route} was for events of the type {event.type} when ingest judged it."
        remedy = (
            f"Compare the name with `perdure routes list` and its `on` with {event.type}; once it is right, "
            f"`perdure routes backfill {route} --since 1d` takes stored events."
        )
    return Answer(cause, became, cite(why, place), cite(remedy, place))


def _unjudged(snapshot: FactSnapshot, event: EventFacts) -> Answer:
    if "VERDICTS" in snapshot.silent:
        return Answer(
            "silent",
            cite(f"The event {event.id} is stored; what became of it cannot be read now.", event.place),
            cite(f"Not everything was read: {', '.join(sorted(snapshot.silent))} did not answer in time.", event.place),
            cite("Run `perdure doctor`, which names what is down, and ask again.", event.place),
        )
    if snapshot.unrecorded:
        return Answer(
            "not_read",
            cite(f"The event {event.id} is stored, and no verdict on it is where the record ends.", event.place),
            cite("Ingest had not come to it, or all its routes have `verdicts: false`.", event.place),
            cite(ASK_THE_SUITE, event.place),
        )
    is_down = "ingest" in snapshot.silent
    why = (
        "No ingest service answers"
        if is_down
        else "Ingest has not come to it, or all its routes have `verdicts: false`"
    )
    remedy = (
        "Start ingest (`perdure up`, or its own process): it goes on where it stopped, and nothing is lost."
        if is_down
        else "Wait some seconds and ask again; `perdure doctor` shows what is wrong if that lasts."
    )
    return Answer(
        "not_read",
        cite(f"The event {event.id} is stored, and no verdict on it is.", event.place),
        cite(f"{why}.", event.place),
        cite(remedy, event.place),
    )

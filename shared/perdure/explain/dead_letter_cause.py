"""Why a message became a dead letter, and what an operator made of it."""

from perdure.contracts import DeadLetter, DeadLetterSettled
from perdure.contracts.outcomes import RefusedEvent
from perdure.explain.explanation import Answer, cite, closed
from perdure.explain.snapshot import Cited
from perdure.values.short_code import is_plain

__all__ = ["dead_letter_answer", "refused_answer", "settled_answer"]


def dead_letter_answer(found: Cited[DeadLetter]) -> Answer:
    """Return the answer for a dead letter that is still in DLQ."""
    it = found.message
    number = int(found.place.partition(":")[2])
    refused = RefusedEvent(number=number, service=it.service, reason=it.reason, detail=it.detail)
    original = f"The message {it.original_subject}" if it.original_subject else "A message that its stream has no more"
    return refused_answer(refused, original, f"{it.stream}:{it.stream_sequence}")


def refused_answer(refused: RefusedEvent, subject: str, *places: str) -> Answer:
    """Return the answer for what was refused.

    Args:
        refused: The dead letter.
        subject: What was refused, as the subject of a sentence.
        places: Where it is stored.
    """
    place = f"DLQ:{refused.number}"
    became = cite(f"{subject} became dead letter {refused.number}: no run comes of it.", place, *places)
    why = cite(f"The service {refused.service} refused it ({refused.reason}): {closed(refused.detail)}", place)
    resend, drop = f"`perdure dlq resend {refused.number}`", f"`perdure dlq drop {refused.number}`"
    if refused.reason == "no_route":
        return Answer("no_route", became, why, cite(f"Add a route for its type, then {resend}; or {drop}.", place))
    remedy = cite(f"Mend what the reason names, then {resend}; or end the matter with {drop}.", place)
    return Answer("dead_letter", became, why, remedy)


def settled_answer(act: Cited[DeadLetterSettled], event_id: str | None = None) -> Answer:
    """Return the answer for a dead letter, of an event with this id, that an operator has resent or dropped."""
    it = act.message
    event = event_id if event_id and is_plain(event_id) else "EVENT"
    original = f"{it.stream}:{it.stream_sequence}"
    why = cite(f"The service {it.service} had refused {it.original_subject} ({it.reason}).", act.place, original)
    if it.act == "resent":
        return Answer(
            "resent",
            cite(f"Dead letter {it.number} was resent by {it.by} on {it.original_subject}.", act.place),
            why,
            cite(f"Ask what became of it by the id of its event: `perdure explain {event}`.", act.place),
        )
    return Answer(
        "dropped",
        cite(f"Dead letter {it.number} was dropped by {it.by}: nothing more comes of it.", act.place),
        why,
        cite("Publish the event again under a new id if a run is to come of it after all.", act.place),
    )

"""Why a message became a dead letter, and what an operator made of it."""

from perdure.contracts import DeadLetter, DeadLetterSettled
from perdure.contracts.outcomes import RefusedEvent
from perdure.explain.explanation import Answer, cite, closed
from perdure.explain.snapshot import Cited

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
    if refused.reason == "no_route":
        remedy = f"Add a route for its type, then `perdure dlq resend {refused.number}`; or `perdure dlq drop` ends it."
        return Answer("no_route", became, why, cite(remedy, place))
    remedy = (
        f"Mend what the reason names, then `perdure dlq resend {refused.number}`; or end the matter with "
        f"`perdure dlq drop {refused.number}`."
    )
    return Answer("dead_letter", became, why, cite(remedy, place))


def settled_answer(act: Cited[DeadLetterSettled]) -> Answer:
    """Return the answer for a dead letter that an operator has resent or dropped."""
    it = act.message
    original = f"{it.stream}:{it.stream_sequence}"
    why = cite(f"The service {it.service} had refused {it.original_subject} ({it.reason}).", act.place, original)
    if it.act == "resent":
        return Answer(
            "resent",
            cite(f"Dead letter {it.number} was resent by {it.by} on {it.original_subject}.", act.place),
            why,
            cite(f"Ask what became of the message: `perdure explain {original}`.", act.place),
        )
    return Answer(
        "dropped",
        cite(f"Dead letter {it.number} was dropped by {it.by}: nothing more comes of it.", act.place),
        why,
        cite("Publish the event again under a new id if a run is to come of it after all.", act.place),
    )

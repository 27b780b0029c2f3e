"""Finds runs by the short codes that commands name them with."""

from perdure.bus.port import Bus
from perdure.contracts import from_token
from perdure.errors import Ambiguous
from perdure.values.short_code import is_code, short_code

__all__ = ["refuse_two_meanings", "runs_with_code"]


async def runs_with_code(bus: Bus, text: str, *, subjects: str) -> list[str]:
    """Return the ids of the runs with this code; none if the text is no code.

    Args:
        bus: The bus.
        text: The code.
        subjects: A pattern for messages about the runs that come into question; their last token is the run's.

    Raises:
        Unavailable: NATS does not answer.
    """
    if not is_code(text):
        return []
    runs = {from_token(subject.rpartition(".")[2]) for subject in await bus.count_by_subject(subjects)}
    return sorted(run for run in runs if short_code(run) == text)


def refuse_two_meanings(text: str, *, exact: str, coded: str) -> None:
    """Refuse a text that is the id of one run and the code of another: whoever chose the id may want the mistake.

    Raises:
        Ambiguous: The runs differ.
    """
    if exact != coded:
        raise Ambiguous(
            f"{text} names a run by its id, and another by its code. "
            f"Their codes are {short_code(exact)} and {short_code(coded)}: use the one that you mean."
        )

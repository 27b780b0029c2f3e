"""Finds runs by their ids, and by the short codes that commands name them with."""

from typing import Final

from perdure.bus.envelope import decode
from perdure.bus.port import ReadableStreams
from perdure.contracts import AboutRequest, from_token, to_token
from perdure.errors import Ambiguous
from perdure.values.short_code import is_code, short_code, split_request

__all__ = ["exact_run", "refuse_two_meanings", "runs_with_code"]

_ALL_RUNS: Final = "progress.*.*"
_ALL_REQUESTS: Final = "approvals.requested.*.*"


async def exact_run(bus: ReadableStreams, text: str) -> str | None:
    """Return the run that a text names by its id or code, or by the id of one of its approval requests.

    Args:
        bus: The bus.
        text: ``<run>`` or ``<run>.<n>``; the run is an id or a code.

    Raises:
        Ambiguous: It is the id of one run and the code of another.
        Unavailable: NATS does not answer.
    """
    asks = split_request(text)[0]
    coded = await runs_with_code(bus, asks or text, subjects=_ALL_RUNS)
    if asks and not coded:  # APPROVALS keeps requests for longer than PROGRESS keeps their runs
        coded = await runs_with_code(bus, asks, subjects=_ALL_REQUESTS)
    exact = text if await bus.last(f"progress.*.{to_token(text)}") else await _run_of_request(bus, text)
    if exact and coded:
        refuse_two_meanings(text, exact=exact, coded=coded[0])
    return exact or next(iter(coded), None)


async def runs_with_code(bus: ReadableStreams, text: str, *, subjects: str) -> list[str]:
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


async def _run_of_request(bus: ReadableStreams, text: str) -> str | None:
    run, _ = split_request(text)
    if not run:
        return None
    requests = [decode(message.raw) async for message in bus.read(f"approvals.requested.*.{to_token(run)}")]
    return run if any(isinstance(it, AboutRequest) and it.request_id == text for it in requests) else None


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

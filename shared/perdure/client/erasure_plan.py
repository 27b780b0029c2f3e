"""What an erasure means: the messages about a person's events and runs, and which of these are open and stay."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from perdure.bus.topology import STREAMS
from perdure.client.run_acts import ActBus
from perdure.contracts.erasures import FIND_ERASABLE, MOST_NAMES, Erasable, ErasableQuery, Erasables
from perdure.contracts.runs import DESCRIBE_RUN, RunDescription, RunQuery
from perdure.errors import NotFound, WrongArgument

__all__ = ["ErasurePlan", "plan_erasure"]

_MOST: Final = 5_000  # messages, and names: more are no person's any more
_CLOSED: Final = frozenset({"COMPLETED", "FAILED", "CANCELED", "TERMINATED", "TIMED_OUT", "CONTINUED_AS_NEW"})
_HELD: Final = ("waiting.>", "latest.>")


@dataclass(frozen=True, slots=True)
class ErasurePlan:
    """What would be erased.

    Attributes:
        messages: The messages, in the order of the record; some may be erased in the record already.
        runs: Workflow ids of the runs that Temporal has closed, and of those that it does not know any more.
        names: Ids of the events and approval requests.
        open_runs: Runs that are left, with all messages about them and about their events: why, by workflow id.
        left: How many messages are left for these.
    """

    messages: tuple[Erasable, ...]
    runs: tuple[str, ...]
    names: tuple[str, ...]
    open_runs: dict[str, str]
    left: int

    @property
    def streams(self) -> dict[str, int]:
        """How many messages there are of each stream."""
        return dict(Counter(it.stream for it in self.messages))


async def plan_erasure(bus: ActBus, what: str | None, *, containing: str | None = None) -> ErasurePlan:
    """Return what an erasure means; nothing is changed.

    From each message it goes on to the run and the events that the message is about, and to all messages about these.

    Args:
        bus: The bus, as the operator.
        what: The id of a run, event or request, or ``STREAM:SEQUENCE``; None with ``containing``.
        containing: Text in headers or bodies; None with ``what``.

    Raises:
        NotFound: Nothing in the record is about it.
        WrongArgument: It means more than 5,000 messages.
        Unavailable: NATS, the audit service or the orchestrator does not answer.
    """
    found = {it.position: it for it in await _find(bus, _first_query(what, containing))}
    if not found:
        about = what or "this text"
        raise NotFound(f"No recorded message is about {about}: name a run, event or request by its whole id.")
    asked: set[str] = {what} if what and ":" not in what else set()
    while new := sorted({name for it in found.values() for name in (*it.runs, *it.names)} - asked):
        _refuse_many(len(found), len(asked) + len(new))
        for first in range(0, len(new), MOST_NAMES):
            names = tuple(new[first : first + MOST_NAMES])
            found |= {it.position: it for it in await _find(bus, ErasableQuery(names=names))}
        asked |= set(new)
    _refuse_many(len(found), len(asked))
    return await _without_open(bus, [found[position] for position in sorted(found)])


def _first_query(what: str | None, containing: str | None) -> ErasableQuery:
    if (what is None) == (containing is None):
        raise WrongArgument("Name what to erase, or a text by --containing.")
    stream, _, sequence = (what or "").partition(":")
    if stream in STREAMS and sequence.isdecimal():
        return ErasableQuery(place=(stream, int(sequence)))
    return ErasableQuery(containing=containing) if what is None else ErasableQuery(names=(what,))


async def _find(bus: ActBus, query: ErasableQuery) -> list[Erasable]:
    found: list[Erasable] = []
    while True:
        reply = Erasables.model_validate_json(await bus.request(FIND_ERASABLE, query.model_dump_json().encode()))
        found += reply.messages
        _refuse_many(len(found), 0)
        if not reply.more:
            return found
        query = query.model_copy(update={"after": reply.last})


def _refuse_many(messages: int, names: int) -> None:
    if max(messages, names) > _MOST:
        raise WrongArgument(f"This means more than {_MOST:,} messages: name a run, an event or a longer text.")


async def _without_open(bus: ActBus, messages: Sequence[Erasable]) -> ErasurePlan:
    """Return the plan without the runs that are not over, and without what they may still read."""
    runs = sorted({run for it in messages for run in it.runs})
    open_runs = {run: why for run in runs if (why := await _why_open(bus, run))}
    open_runs |= await _held(bus, set(runs) - open_runs.keys())
    needed = {name for it in messages if not open_runs.keys().isdisjoint(it.runs) for name in it.names}
    left = [it for it in messages if _is_needed(it, open_runs, needed)]
    going = [it for it in messages if it not in left]
    return ErasurePlan(
        messages=tuple(going),
        runs=tuple(run for run in runs if run not in open_runs),
        names=tuple(sorted({name for it in going for name in (*it.names, *it.events)} - needed)),
        open_runs=open_runs,
        left=len(left),
    )


def _is_needed(message: Erasable, open_runs: Collection[str], needed: Collection[str]) -> bool:
    if message.runs:
        return any(run in open_runs for run in message.runs)
    return any(name in needed for name in message.names)


async def _why_open(bus: ActBus, run: str) -> str:
    """Return Temporal's status of a run that is not over; empty if it is, or Temporal does not know it."""
    query = RunQuery(workflow_id=run).model_dump_json().encode()
    status = RunDescription.model_validate_json(await bus.request(DESCRIBE_RUN, query)).status
    return "" if status is None or status in _CLOSED else f"it is {status.lower()}"


async def _held(bus: ActBus, runs: Iterable[str]) -> dict[str, str]:
    """Return which of these runs have not begun, because flow control holds their starts."""
    wanted = {run: f'"{run}"'.encode() for run in runs}
    found: dict[str, str] = {}
    for subject in _HELD:
        async for message in bus.read(subject):
            found |= {run: "its start is held" for run, text in wanted.items() if text in message.raw.body}
    return found

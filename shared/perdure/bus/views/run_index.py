"""Read model of runs, from the PROGRESS stream alone: no service has to be running."""

from collections.abc import AsyncIterator

from perdure.bus.envelope import decode
from perdure.bus.port import Bus, ReadableStreams, StoredMessage
from perdure.contracts import ENDINGS, Progress, in_order, to_pattern, to_token
from perdure.errors import NotFound

__all__ = ["UnknownRun", "follow_progress", "latest_facts", "run_progress"]


class UnknownRun(NotFound):
    """The PROGRESS stream holds no fact of the run."""


async def latest_facts(
    bus: ReadableStreams, workflow: str | None = None, workflow_id: str | None = None
) -> list[Progress]:
    """Return the newest fact of each run, or of the runs of this workflow or id; oldest first."""
    subject = f"progress.{to_pattern(workflow)}.{to_pattern(workflow_id)}"
    facts = [fact async for fact in _facts(bus, bus.read(subject, last_only=True))]
    return sorted(facts, key=lambda fact: fact.at)


async def run_progress(bus: Bus, workflow_id: str) -> list[Progress]:
    """Return all facts of a run, each once, in order, across continue-as-new.

    Raises:
        UnknownRun: The stream holds no fact of the run.
    """
    facts = {fact.message_id: fact async for fact in _facts(bus, bus.read(_subject(workflow_id)))}
    if not facts:
        raise UnknownRun(f"There is no progress of a run {workflow_id}. List the known runs with `perdure runs list`.")
    return in_order(sorted(facts.values(), key=lambda fact: (fact.at, fact.sequence)))


async def follow_progress(bus: Bus, workflow_id: str | None, *, replay: bool) -> AsyncIterator[Progress]:
    """Yield facts as they are published, each once; those of a single run until it ends.

    An ending after which the run was tried again does not count.
    """
    seen: set[str] = set()
    subject = "progress.>" if workflow_id is None else _subject(workflow_id)
    async for message in bus.subscribe(subject, replay=replay):
        fact = decode(message.raw)
        if not isinstance(fact, Progress) or fact.message_id in seen:
            continue
        seen.add(fact.message_id)
        yield bus.content.opened(fact)
        if workflow_id is not None and fact.kind in ENDINGS and not await _goes_on(bus, message, fact):
            return


async def _goes_on(bus: Bus, message: StoredMessage, ending: Progress) -> bool:
    """Return whether another run of the workflow id follows an ending."""
    newest = await bus.last(_subject(ending.workflow_id))
    if newest is None or newest.sequence <= message.sequence:
        return False
    fact = decode(newest.raw)
    return isinstance(fact, Progress) and fact.run_id != ending.run_id


def _subject(workflow_id: str) -> str:
    return f"progress.*.{to_token(workflow_id)}"


async def _facts(bus: ReadableStreams, messages: AsyncIterator[StoredMessage]) -> AsyncIterator[Progress]:
    async for message in messages:
        fact = decode(message.raw)
        if isinstance(fact, Progress):
            yield bus.content.opened(fact)

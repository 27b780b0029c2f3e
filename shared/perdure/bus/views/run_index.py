"""What the bus tells about runs: read from the progress stream, without asking any service."""

from collections.abc import AsyncIterator

from perdure.bus.envelope import decode
from perdure.bus.port import Bus, StoredMessage
from perdure.contracts import ENDINGS, Progress, to_pattern, to_token
from perdure.errors import PerdureError

__all__ = ["UnknownRun", "follow_progress", "latest_facts", "run_progress"]


class UnknownRun(PerdureError):
    """Nothing was ever said about this run."""


async def latest_facts(bus: Bus, workflow: str | None = None, workflow_id: str | None = None) -> list[Progress]:
    """Return the newest fact of every run, or of those of this workflow or id; oldest first."""
    subject = f"progress.{to_pattern(workflow)}.{to_pattern(workflow_id)}"
    facts = [_progress async for _progress in _facts(bus.read(subject, last_only=True))]
    return sorted(facts, key=lambda fact: fact.at)


async def run_progress(bus: Bus, workflow_id: str) -> list[Progress]:
    """Return all that was said about one run, by sequence and attempt, each fact once.

    Raises:
        NoSuchRun: That is nothing.
    """
    facts = {fact.message_id: fact async for fact in _facts(bus.read(_subject(workflow_id)))}
    if not facts:
        raise UnknownRun(f"Nothing is known of a run {workflow_id}. `perdure runs` lists those that are.")
    return sorted(facts.values(), key=lambda fact: (fact.at, fact.sequence))


async def follow_progress(bus: Bus, workflow_id: str | None, *, replay: bool) -> AsyncIterator[Progress]:
    """Yield facts as they are said, each once; of a single run until it ends."""
    known: set[str] = set()
    async for fact in _facts(
        bus.subscribe("progress.>" if workflow_id is None else _subject(workflow_id), replay=replay)
    ):
        if fact.message_id in known:
            continue
        known.add(fact.message_id)
        yield fact
        if workflow_id is not None and fact.kind in ENDINGS:
            return


def _subject(workflow_id: str) -> str:
    return f"progress.*.{to_token(workflow_id)}"


async def _facts(heard: AsyncIterator[StoredMessage]) -> AsyncIterator[Progress]:
    async for one in heard:
        message = decode(one.raw)
        if isinstance(message, Progress):
            yield message

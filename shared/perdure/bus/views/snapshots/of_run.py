"""What is known of a run: its facts, Temporal's view, and its people."""

import asyncio

from perdure.bus.views.snapshots.people import people_of
from perdure.bus.views.snapshots.sources import AskedSources, cited, place_of_message
from perdure.bus.views.stuck_runs import has_ended, read_stuck
from perdure.contracts import Progress, to_token
from perdure.contracts.runs import DESCRIBE_RUN, RunDescription, RunQuery, StuckRun
from perdure.explain import Cited, FactSnapshot, RunFacts

__all__ = ["run_facts", "with_people"]


async def run_facts(sources: AskedSources, workflow_id: str) -> RunFacts:
    """Return what is known of a run."""
    subject = f"progress.*.{to_token(workflow_id)}"
    first, last, description, stuck = await asyncio.gather(
        sources.ask("PROGRESS", sources.bus.first(subject), None),
        sources.newest("PROGRESS", subject),
        _description(sources, workflow_id),
        _stuck(sources, workflow_id),
    )
    return RunFacts(workflow_id, cited(first, Progress), cited(last, Progress), description, stuck)


async def with_people(sources: AskedSources, snapshot: FactSnapshot) -> FactSnapshot:
    """Return a snapshot with the approval requests of its runs, their receipts and notices."""
    for run in snapshot.runs:
        snapshot = await people_of(sources, snapshot, run.workflow_id)
    return snapshot


async def _description(sources: AskedSources, workflow_id: str) -> RunDescription | None:
    """Return Temporal's view; without it, whose silence that is: an orchestrator that consumes waits for Temporal."""
    query = RunQuery(workflow_id=workflow_id)
    description = await sources.reply("orchestrator", DESCRIBE_RUN, query, RunDescription)
    if description is None and await sources.is_consumed("COMMANDS", "orchestrator"):
        sources.silent.discard("orchestrator")
        sources.silent.add("Temporal")
    return description


async def _stuck(sources: AskedSources, workflow_id: str) -> Cited[StuckRun] | None:
    stored = await sources.newest("STUCK", f"stuck.*.{to_token(workflow_id)}")
    found = read_stuck(stored)
    if stored is None or found is None or await sources.ask("PROGRESS", has_ended(sources.bus, found), default=False):
        return None
    return Cited(found, place_of_message(stored))

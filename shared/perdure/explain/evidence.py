"""The facts of a snapshot, in the order of the flow: from the event to the result."""

from collections.abc import Iterator

from perdure.contracts import ENDINGS, Event, Progress, StartWorkflow
from perdure.contracts.runs import RunDescription
from perdure.explain.explanation import EvidenceItem, cite
from perdure.explain.request_cause import missing_votes
from perdure.explain.snapshot import Cited, FactSnapshot, RunFacts
from perdure.values.printable import one_line

__all__ = ["evidence"]


def evidence(snapshot: FactSnapshot) -> Iterator[EvidenceItem]:
    """Yield what the sentences rest on."""
    if (event := snapshot.event) is not None:
        yield EvidenceItem("event", cite(f"{event.type} with the id {event.id}", event.place))
    for other in snapshot.same_id:
        text = "an event that cannot be read" if other.message is None else _named(other.message)
        yield EvidenceItem("same id", cite(text, other.place))
    for verdict in snapshot.verdicts:
        judged = verdict.message
        texts = [it.sentence for it in judged.routes]
        texts += [f"refused ({judged.refused}): {judged.detail}"] if judged.refused else []
        yield EvidenceItem("verdict", cite("; ".join(texts) or "no route", verdict.place))
    for command in snapshot.commands:
        yield EvidenceItem("command", cite(f"{_act(command.message)} {command.message.workflow_id}", command.place))
    for run in snapshot.runs:
        yield from _of_run(run)
    yield from _of_people(snapshot)
    for found in snapshot.dead_letters:
        it = found.message
        yield EvidenceItem("dead letter", cite(f"{it.service}: {it.reason}: {it.detail}", found.place))
    for act in snapshot.settlements:
        yield EvidenceItem(
            "act", cite(f"{act.message.by} {act.message.act} dead letter {act.message.number}", act.place)
        )
    yield from _ends(snapshot)


def _ends(snapshot: FactSnapshot) -> Iterator[EvidenceItem]:
    for change in () if snapshot.due is None else snapshot.due.changes:
        yield EvidenceItem(
            "act", cite(f"{change.message.at:%Y-%m-%d %H:%M:%S %Z}: {change.message.sentence}", change.place)
        )
    if snapshot.pause is not None:
        yield EvidenceItem("act", cite(f"the whole suite is {snapshot.pause.message.sentence}", snapshot.pause.place))
    for run in snapshot.runs:
        if run.last is not None and run.last.message.kind in ENDINGS:
            yield EvidenceItem("result", cite(f"{run.workflow_id}: {_fact(run.last)}", run.last.place))


def _of_run(run: RunFacts) -> Iterator[EvidenceItem]:
    for fact in (run.first, run.last if run.last != run.first else None):
        if fact is not None and fact.message.kind not in ENDINGS:
            yield EvidenceItem("run", cite(f"{run.workflow_id}: {_fact(fact)}", fact.place))
    if (description := run.description) is not None:
        yield from _at_temporal(description)
    if run.stuck is not None:
        yield EvidenceItem("problem", cite(run.stuck.message.sentence, run.stuck.place))


def _at_temporal(run: RunDescription) -> Iterator[EvidenceItem]:
    yield EvidenceItem(
        "run", cite(f"{run.workflow_id}: Temporal's status is {run.status or 'that it has no such run'}")
    )
    for step in run.pending:
        failure = f", the last failed: {step.last_failure}" if step.last_failure else ""
        yield EvidenceItem("step", cite(f"{step.activity} is pending, attempt {step.attempt}{failure}"))
    for problem in run.problems:
        yield EvidenceItem("problem", cite(f"Temporal reports {problem}"))
    if run.task_failure:
        yield EvidenceItem("problem", cite(f"workflow task, attempt {run.task_attempt}: {run.task_failure}"))
    if run.polling is not None:
        is_alive = bool(run.polling) if run.build is None else run.build in run.polling
        whose = "a worker" if run.build is None else f"a worker of version {run.build}"
        yield EvidenceItem("worker", cite(f"{whose} of queue {run.task_queue} {'is' if is_alive else 'is not'} alive"))


def _of_people(snapshot: FactSnapshot) -> Iterator[EvidenceItem]:
    for facts in snapshot.requests:
        request = facts.request.message
        votes = missing_votes(facts) if facts.state == "open" else facts.reason
        until = f", until {request.expires_at:%Y-%m-%d %H:%M:%S %Z}" if request.expires_at else ""
        text = f"{request.request_id} ({request.title}) is {facts.state}{until}. {votes}".rstrip()
        yield EvidenceItem("approval", cite(text, facts.request.place, facts.settled))
    if snapshot.decision is not None:
        decision = snapshot.decision.message
        text = f"{decision.approver} decided {decision.decision} on {decision.request_id}"
        yield EvidenceItem("decision", cite(text, snapshot.decision.place))
    for receipt in snapshot.receipts:
        it = receipt.message
        yield EvidenceItem("receipt", cite(f"{it.decision_id}: {it.code}: {it.reason}", receipt.place))
    for notice in snapshot.notices:
        sent = notice.message
        detail = f": {sent.detail}" if sent.detail else ""
        yield EvidenceItem("notice", cite(f"{sent.channel}: {sent.outcome}{detail}", notice.place))


def _named(event: Event) -> str:
    return f"{event.type} with the id {event.id} of {one_line(event.source)}"


def _act(command: object) -> str:
    return "start" if isinstance(command, StartWorkflow) else "signal"


def _fact(fact: Cited[Progress]) -> str:
    it = fact.message
    step = f" {it.step}" if it.step else ""
    error = f": {it.error}" if it.error else ""
    return f"fact {it.sequence} is {it.kind}{step}{error}"

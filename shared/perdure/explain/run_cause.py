"""What a run does or waits for: people, a worker, a version, a server, mended code, or nothing any more."""

import json
from datetime import datetime
from typing import Final

from perdure.contracts import ENDINGS, Progress
from perdure.contracts.runs import MEND_THE_CODE, PendingStep, RunDescription
from perdure.explain.explanation import ASK_THE_SUITE, Answer, Cause, cite, closed
from perdure.explain.request_cause import open_request
from perdure.explain.snapshot import Cited, FactSnapshot, RunFacts
from perdure.values.printable import one_line
from perdure.values.short_code import run_word

__all__ = ["run_answer"]

_OF_SERVERS: Final = {"call_tool", "query_servers", "call_model"}
_ENDED: Final = {
    "completed": "has completed",
    "failed": "has failed",
    "cancelled": "was cancelled",
    "terminated": "was terminated",
    "timed_out": "has timed out",
}
_NEW_ID: Final = "publish the event under a new id"
_LONGEST_RESULT: Final = 200  # characters
_START_ORCHESTRATOR: Final = "Start it (`perdure up`, or the orchestrator's process): the run goes on by itself."


def run_answer(snapshot: FactSnapshot, run: RunFacts) -> Answer:
    """Return the answer for a run."""
    last = run.last
    if last is not None and last.message.kind in ENDINGS:
        return _ended(run, last)
    description, place = run.description, _place(snapshot, run)
    if description is not None and description.status == "PAUSED":
        return Answer(
            "paused",
            cite(f"The run {run.workflow_id} is paused, and does nothing.", place),
            cite(f"It is {closed(description.paused or 'paused in Temporal')}", place),
            cite(f"`perdure runs resume {run_word(run.workflow_id)}` lets it go on.", place),
        )
    if description is not None and description.begins_at is not None:
        return _delayed(run, description.begins_at, place)
    if stuck := _stuck(snapshot, run):
        return stuck
    for request in snapshot.requests:
        if request.state == "open" and request.request.message.workflow_id == run.workflow_id:
            return open_request(snapshot, request)
    return _without_worker(snapshot, run) or _at_work(snapshot, run, place)


def _ended(run: RunFacts, last: Cited[Progress]) -> Answer:
    fact = last.message
    word = run_word(run.workflow_id)
    cause: Cause = "failed"
    match fact.kind:
        case "completed" | "cancelled" | "terminated" | "timed_out":
            cause = fact.kind
    if cause == "completed" and fact.error is None:
        result = json.dumps(fact.result, ensure_ascii=False)
        shown = result if len(result) <= _LONGEST_RESULT else f"{result[:_LONGEST_RESULT]}…"
        why = cite(f"Its workflow {fact.workflow} returned {one_line(shown)}.", last.place)
        remedy = cite(f"Nothing; `perdure result {word}` prints the result.", last.place)
    else:
        why = cite(f"Its last fact gives the reason: {closed(fact.error or 'none')}", last.place)
        again = f"`perdure runs retry {word}` goes on at the failed step" if cause == "failed" else _NEW_ID
        remedy = cite(
            f"Look at its steps with `perdure runs show {word}`, and mend the cause; then {again}.", last.place
        )
    return Answer(
        cause, cite(f"The run {run.workflow_id} {_ENDED.get(fact.kind, fact.kind)}.", last.place), why, remedy
    )


def _delayed(run: RunFacts, begins: datetime, place: str | None) -> Answer:
    return Answer(
        "delayed",
        cite(f"The run {run.workflow_id} has not begun: it begins at {begins:%Y-%m-%d %H:%M:%S %Z}.", place),
        cite("Its route delays it by `start_delay` or `not_before`, or Temporal by a backoff.", place),
        cite("Wait: it begins by itself; `start_delay` and `not_before` of its route set the time.", place),
    )


def _stuck(snapshot: FactSnapshot, run: RunFacts) -> Answer | None:
    description, place, of_run = run.description, _place(snapshot, run), _place(snapshot, run)
    if run.stuck is not None:
        error, place = run.stuck.message.error, run.stuck.place
    elif description is not None and description.task_attempt > 1 and description.task_failure:
        error = description.task_failure
    elif snapshot.broken_code and (description is None or description.polling == ()):
        error = snapshot.broken_code
    else:
        return None
    return Answer(
        "mended_code",
        cite(f"The run {run.workflow_id} is open, and waits for mended code.", of_run, place),
        cite(f"Its code fails: {closed(error)}", place),
        cite(f"{MEND_THE_CODE} `perdure deploy` does so.", place),
    )


def _without_worker(snapshot: FactSnapshot, run: RunFacts) -> Answer | None:
    """Return the answer for a run that no worker can take; None if one can, or nobody knows."""
    description, place = run.description, _place(snapshot, run)
    became = cite(f"The run {run.workflow_id} {_state(run)}, and nothing works on it.", place)
    if description is None:
        if "orchestrator" not in snapshot.silent:
            return None
        why = cite("No orchestrator answers, so that no worker is known to be alive.", place)
        return Answer("waiting_worker", became, why, cite(_START_ORCHESTRATOR, place))
    if description.polling is None or (description.polling and description.build in {None, *description.polling}):
        return None
    if not description.polling:
        why = cite(f"No worker polls the task queue {description.task_queue}.", place)
        return Answer("waiting_worker", became, why, cite(_START_ORCHESTRATOR, place))
    why = cite(
        f"It belongs to version {description.build}, of which no worker is alive; {', '.join(description.polling)} is.",
        place,
    )
    remedy = (
        f"Start a worker of version {description.build}, or move the run to the present code: `perdure deploy` moves "
        "the runs that replay."
    )
    return Answer("waiting_version", became, why, cite(remedy, place))


def _at_work(snapshot: FactSnapshot, run: RunFacts, place: str | None) -> Answer:
    description, last = run.description, run.last
    word = run_word(run.workflow_id)
    if description is None and "orchestrator" in snapshot.unrecorded:
        return _in_record(run, place)
    if description is not None and description.status is None:
        return _not_at_temporal(run, place)
    if "Temporal" in snapshot.silent:
        return _without_temporal(run, place)
    failing = [it for it in (description.pending if description else ()) if it.last_failure]
    if failing:
        return _retried(run, failing[0], place)
    if last is not None and last.message.kind == "waiting" and not _pending(description):
        return Answer(
            "waiting_signal",
            cite(f"The run {run.workflow_id} waits.", place),
            cite(f"Its workflow waits for a signal or a time: {last.message.step or 'it does not say which'}.", place),
            cite(f"Send the signal with `perdure runs signal {word} NAME`, or wait.", place),
        )
    step = next(iter(_pending(description)), None)
    doing = f"Its step {step.activity} runs, attempt {step.attempt}" if step else "A worker has its next step"
    return Answer(
        "running",
        cite(f"The run {run.workflow_id} {_state(run)}.", place),
        cite(f"{doing}.", place),
        cite(f"Wait; `perdure watch {word}` follows it.", place),
    )


def _without_temporal(run: RunFacts, place: str | None) -> Answer:
    return Answer(
        "waiting_temporal",
        cite(f"The run {run.workflow_id} {_state(run)}, and waits for Temporal.", place),
        cite("The orchestrator runs, and gets no answer from Temporal: no step can begin or end.", place),
        cite("Start Temporal (`perdure up`, or your own server): the run goes on by itself.", place),
    )


def _in_record(run: RunFacts, place: str | None) -> Answer:
    newest = "no fact of it" if run.last is None else f"its fact {run.last.message.sequence}, {run.last.message.kind},"
    return Answer(
        "running" if run.last is not None else "waiting_start",
        cite(f"The run {run.workflow_id} {_state(run)} where the record ends.", place),
        cite(f"The record has {newest} and no ending; whether a worker was alive is not in a record.", place),
        cite(ASK_THE_SUITE, place),
    )


def _not_at_temporal(run: RunFacts, place: str | None) -> Answer:
    if run.last is None:
        return Answer(
            "waiting_start",
            cite(f"The run {run.workflow_id} has not begun.", place),
            cite("The orchestrator has not taken its command yet: Temporal has no such run.", place),
            cite("Wait some seconds and ask again; `perdure doctor` shows what is wrong if that lasts.", place),
        )
    return Answer(
        "lost",
        cite(f"The run {run.workflow_id} has published no ending, and Temporal has no such run.", place),
        cite("It was deleted at Temporal, or Temporal lost its store.", place),
        cite("Publish its event under a new id; `docs/operating.md` says what a backup must hold.", place),
    )


def _retried(run: RunFacts, step: PendingStep, place: str | None) -> Answer:
    failure = closed(step.last_failure or "")
    of_server = step.activity in _OF_SERVERS
    whose = "a server or model that does not do its part" if of_server else "a step that fails"
    cause: Cause = "waiting_server" if of_server else "waiting_step"
    remedy = "Start or mend that server, or its address in `perdure.yaml`" if of_server else "Mend what the step needs"
    return Answer(
        cause,
        cite(f"The run {run.workflow_id} is open, and waits for {whose}.", place),
        cite(f"Its step {step.activity} is at attempt {step.attempt}; the last one failed: {failure}", place),
        cite(f"{remedy}: Temporal tries again by itself.", place),
    )


def _state(run: RunFacts) -> str:
    return "is open" if run.last is not None else "has not begun"


def _pending(description: RunDescription | None) -> tuple[PendingStep, ...]:
    return () if description is None else description.pending


def _place(snapshot: FactSnapshot, run: RunFacts) -> str | None:
    """Return the place of the newest message about a run: its last fact, else its command, else its event."""
    if run.last is not None:
        return run.last.place
    commands = [it.place for it in snapshot.commands if it.message.workflow_id == run.workflow_id]
    if commands:
        return commands[-1]
    return None if snapshot.event is None else snapshot.event.place

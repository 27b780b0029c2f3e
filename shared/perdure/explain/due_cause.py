"""Why a due time of a schedule never became an event: not due, paused, missed, or only late."""

from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from perdure.contracts import DeclaredSchedule, ScheduleChanged
from perdure.explain.explanation import Answer, Sentence, cite, closed
from perdure.explain.snapshot import Cited, DueFacts
from perdure.values.cron import parse_cron

__all__ = ["due_answer"]

_LATE: Final = timedelta(minutes=1)  # until then, what is due may still be on its way


def due_answer(asked: str, due: DueFacts) -> Answer:
    """Return why there is no event of a due time."""
    change = next((it for it in reversed(due.changes) if it.message.at <= due.at), None)
    if change is None:
        first = due.changes[0]
        return _not_due(
            asked, due, f"The route has a schedule only since {first.message.at:%Y-%m-%d %H:%M:%S %Z}", first
        )
    declared = change.message.declared
    if declared is None:
        return _not_due(asked, due, f"The route had no schedule then: {change.message.sentence}", change)
    if not _is_due(declared, due.at):
        return _not_due(asked, due, f"It is not due then: its cron is {declared.cron} {declared.timezone}", change)
    became = cite(f"No event {asked} was published: the due time was skipped.", change.place)
    remedy = cite(_next(due), change.place)
    if declared.paused:
        since = f"{change.message.at:%Y-%m-%d %H:%M:%S %Z}"
        why = f"The file pauses the schedule, recorded at {since}: what is due in a pause is skipped."
        return Answer("due_paused", became, cite(why, change.place), remedy)
    if due.now < due.at:
        return Answer(
            "due_later",
            cite(f"The event {asked} is not due yet.", change.place),
            cite(f"The route is due by {declared.cron} {declared.timezone}.", change.place),
            cite("Wait: it is published at that time.", change.place),
        )
    return _skipped(asked, due, change, declared, became)


def _skipped(
    asked: str, due: DueFacts, change: Cited[ScheduleChanged], declared: DeclaredSchedule, became: Sentence
) -> Answer:
    state, remedy = due.state, cite(_next(due), change.place)
    after = next((it for it in due.changes if it.message.at > due.at), None)
    if state is not None and state.paused is not None and after is None:
        text = f"The schedule is paused, and what is due in a pause is skipped: {closed(state.paused)}"
        return Answer("due_paused", became, cite(text, change.place), remedy)
    if due.now - due.at < _LATE or state is None:
        why = "No orchestrator tells what Temporal has of it." if state is None else "Temporal publishes it just now."
        within = f"{timedelta(seconds=declared.catch_up_seconds)}"
        wait = f"Wait, and see `perdure doctor`: what comes late by less than {within} (`catch_up`) is still published."
        late = cite(f"The event {asked} is due, and not published yet.", change.place)
        return Answer("due_late", late, cite(why, change.place), cite(wait, change.place))
    causes = []
    if state.missed:
        causes.append(f"Temporal came back later than `catch_up` allows, and missed {state.missed} due times")
    if after is not None:
        causes.append(f"the file changed before Temporal had caught up ({after.message.sentence})")
    text = ", or ".join(causes) or "it was paused at Temporal, by its page or command, which nothing records"
    why_not = cite(f"What explains it: {text}.", change.place, None if after is None else after.place)
    return Answer("due_missed", became, why_not, remedy)


def _is_due(declared: DeclaredSchedule, at: datetime) -> bool:
    return parse_cron(declared.cron).fits(at.astimezone(ZoneInfo(declared.timezone)))


def _not_due(asked: str, due: DueFacts, why: str, change: Cited[ScheduleChanged]) -> Answer:
    return Answer(
        "not_due",
        cite(f"There is no event {asked}: the route {due.route} was not due at that time.", change.place),
        cite(closed(why), change.place),
        cite(_next(due), change.place),
    )


def _next(due: DueFacts) -> str:
    hand = f"`perdure publish schedules.{due.route}` starts the route by hand"
    if due.state is None:
        return f"`perdure routes list` shows when it is due next; {hand}."
    if due.state.paused is not None:
        return f"It is due again once it is not paused any more ({closed(due.state.paused).rstrip('.')}); {hand}."
    if not due.state.next:
        return f"It is never due again; {hand}."
    return f"It is due next at {due.state.next[0]:%Y-%m-%d %H:%M:%S %Z}; {hand}."

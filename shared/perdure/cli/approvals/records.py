"""Text and JSON for terminals about what has happened to an approval request."""

import json
from typing import Final

from perdure.bus.views.request_record import RequestRecord
from perdure.cli.output import local_day

__all__ = ["record_facts", "record_json", "votes_text"]

_CAST: Final = {"approve": "approved", "reject": "rejected"}


def record_json(record: RequestRecord) -> str:
    """Return one JSON object: the fields of the request, and beside them what has happened to it."""
    about = record.model_dump(mode="json", exclude={"request"})
    return json.dumps({**record.request.model_dump(mode="json"), **about})


def record_facts(record: RequestRecord) -> list[tuple[str, str]]:
    """Name the votes, escalations and reminders so far, and the state."""
    votes = [
        f"{vote.approver} {_CAST[vote.decision]}, {local_day(vote.at)}{f': {vote.comment}' if vote.comment else ''}"
        for vote in record.votes
    ]
    escalations = [f"to {', '.join(it.to)}, {local_day(it.at)}" for it in record.escalations]
    facts = [
        *(("vote", vote) for vote in votes),
        *(("escalated", escalation) for escalation in escalations),
        ("reminders", str(record.reminders) if record.reminders else ""),
        ("state", _state(record)),
    ]
    return [(name, value) for name, value in facts if value]


def votes_text(record: RequestRecord) -> str:
    """Return who has voted for what, in a few words."""
    return ", ".join(f"{vote.approver} {_CAST[vote.decision]}" for vote in record.votes)


def _state(record: RequestRecord) -> str:
    by = f" by {record.settled_by}" if record.settled_by else ""
    at = f", {local_day(record.settled_at)}" if record.settled_at else ""
    return f"{record.state}{by}{at}{f': {record.reason}' if record.reason else ''}"

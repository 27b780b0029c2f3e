"""What Temporal's own page shows of a run: which event started it, by which route."""

from typing import Final

from perdure.contracts import SignalWorkflow, StartWorkflow
from perdure.values.summary_text import fit_summary

__all__ = ["run_details", "run_summary"]

_LONGEST_WORD: Final = 500  # characters; Temporal's limit of the details is 20,000 bytes


def run_summary(command: StartWorkflow | SignalWorkflow) -> str:
    """Return one line: the route, and the event's type and id."""
    event = command.event
    return fit_summary(f"{command.route}: {event.type} {event.id}")


def run_details(command: StartWorkflow | SignalWorkflow) -> str:
    """Return lines of Markdown that say where the run comes from."""
    event = command.event
    rows = {
        "Route": command.route,
        "Event": event.id,
        "Type": event.type,
        "Source": event.source,
        "Subject": event.subject,
        "Key": command.key if isinstance(command, StartWorkflow) else None,
        "Place": f"EVENTS {event.stream_sequence}",
    }
    return "\n".join(f"- {name}: `{_word(value)}`" for name, value in rows.items() if value)


def _word(text: str) -> str:
    return " ".join(text.replace("`", "'").split())[:_LONGEST_WORD]

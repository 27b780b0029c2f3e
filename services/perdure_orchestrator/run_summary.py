"""What Temporal's own page shows of a run: which event started it, by which route."""

from typing import Final

from perdure.contracts import SignalWorkflow, StartWorkflow

__all__ = ["run_details", "run_summary"]

_LONGEST_SUMMARY: Final = 180
"""Bytes. Temporal's limit is 400 (``limit.userMetadataSummarySize``), JSON and a codec included."""

_LONGEST_WORD: Final = 500  # characters; Temporal's limit of the details is 20,000 bytes


def run_summary(command: StartWorkflow | SignalWorkflow) -> str:
    """Return one line: the route, and the event's type and id."""
    event = command.event
    text = " ".join(f"{command.route}: {event.type} {event.id}".split())
    return text.encode()[:_LONGEST_SUMMARY].decode(errors="ignore")


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

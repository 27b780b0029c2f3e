"""What a run knows that Temporal gives to no other attempt of it, nor to the next run by cron.

Both begin with the memo of the first run, also if a run has changed it since.
"""

from perdure.flow.run import Run

__all__ = ["lost_state"]

_SHOWN = 5  # names of signals


def lost_state(run: Run) -> str:
    """Return what will be lost as the end of a sentence: ``, without its usage so far (2 tool calls)``, or nothing."""
    used = run.usage.used
    counts = (("model request", used.total.requests), ("tool call", used.tool_calls))
    usage = ", ".join(f"{count} {what}{'s' if count > 1 else ''}" for what, count in counts if count)
    kept, dropped = run.mailboxes.kept()
    names = [*dict.fromkeys([signal.name for signal in kept] + list(dropped))]
    more = ", …" if len(names) > _SHOWN else ""
    parts = [
        f"without its usage so far ({usage}): limits count anew" if usage else "",
        f"without the signals that nothing has taken: {', '.join(names[:_SHOWN])}{more}" if names else "",
    ]
    return "".join(f", {part}" for part in parts if part)

"""What ``perdure routes backfill`` prints: events, how far it is, and how many became what."""

import json
from collections import Counter
from time import monotonic
from typing import Final

from rich.text import Text

from perdure.cli.backfill import Backfill
from perdure.cli.output import console, local_day
from perdure.contracts.backfill import BackfilledEvent
from perdure.runtime.stderr import print_error
from perdure.values.printable import one_line

__all__ = ["BackfillTally"]

_REPORT_SECONDS: Final = 10.0  # between two lines on how far it is
_QUIET: Final = {"no_match", "already"}  # nothing was done, and there may be a million of them
_LOOKS: Final = {"taken": ("✓", "green"), "refused": ("✗", "red"), "gone": ("✗", "red")}


class BackfillTally:
    """Counts and prints what became of the events of a backfill."""

    def __init__(self, plan: Backfill, *, as_json: bool) -> None:
        self._plan = plan
        self._as_json = as_json
        self._fates = Counter[str]()
        self._details = Counter[tuple[str, str]]()
        self._reported = monotonic()

    @property
    def is_clean(self) -> bool:
        """Whether no event was refused or gone."""
        return not (self._fates["refused"] or self._fates["gone"])

    def print_start(self) -> None:
        """Print how many events there are, and from when on they are kept."""
        plan = self._plan
        if plan.kept_since is not None and plan.since < plan.kept_since:
            print_error(f"EVENTS keeps events from {local_day(plan.kept_since)} on; older ones are not there any more.")
        print_error(f"{len(plan.sequences)} events from {local_day(plan.since)} to {local_day(plan.until)}.")

    def add(self, event: BackfilledEvent) -> None:
        """Count an event, and print it; of those to which nothing was done only in a dry run."""
        self._fates[event.fate] += 1
        if detail := event.verdict if event.fate == "taken" else event.reason:
            self._details[event.fate, detail] += 1
        if self._as_json:
            console.out(event.model_dump_json(), highlight=False)
        elif self._plan.dry_run or event.fate not in _QUIET:
            console.print(_line(event), soft_wrap=True)
        if monotonic() - self._reported >= _REPORT_SECONDS:
            self._reported = monotonic()
            print_error(f"{self._fates.total()} of {len(self._plan.sequences)} events: {self._counts()}.")

    def print_end(self) -> None:
        """Print how many events became what."""
        plan, left = self._plan, len(self._plan.sequences) - self._fates.total()
        if self._as_json:
            counts = {"counts": dict(self._fates), "left": left}
            kept_since = None if plan.kept_since is None else plan.kept_since.isoformat()
            name = None if plan.dry_run else plan.id
            console.out(json.dumps({"backfill": name, **counts, "kept_since": kept_since}), highlight=False)
            return
        what = "Dry run, nothing was done" if plan.dry_run else f"Backfill {plan.id}"
        more = f"; {left} not looked at: the same command goes on with them" if left and not plan.dry_run else ""
        console.print(f"{what}: {self._counts()}{more}.", soft_wrap=True, markup=False)

    def _counts(self) -> str:
        return ", ".join(map(self._count, sorted(self._fates))) or "no event"

    def _count(self, fate: str) -> str:
        details = sorted((count, word) for (of, word), count in self._details.items() if of == fate)
        listed = ", ".join(f"{count} {word}" for count, word in reversed(details))
        return f"{self._fates[fate]} {fate.replace('_', ' ')}{f' ({listed})' if listed else ''}"


def _line(event: BackfilledEvent) -> Text:
    sign, style = _LOOKS.get(event.fate, ("·", "dim"))
    fate = event.fate.replace("_", " ")
    word = event.reason or event.verdict or fate
    words = word if event.fate == "taken" or word == fate else f"{fate}, {word}"
    line = Text.assemble((f"{sign} ", style), f"EVENTS {event.stream_sequence}  ")
    line.append(one_line(event.event_id or ""), "bold").append(f"  {words}")
    line.append(f": {one_line(event.detail)}" if event.detail else "")
    return line.append(f"  run {one_line(event.workflow_id)}" if event.workflow_id else "")

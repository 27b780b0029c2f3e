"""What ``perdure admin chaos`` prints while it runs."""

import json
from dataclasses import asdict
from typing import Final

from rich.status import Status

from perdure.chaos.play import ChaosEvent
from perdure.chaos.progress_counter import Counted
from perdure.chaos.strike import Healed, Struck
from perdure.cli.output import console
from perdure.cli.up_display import show
from perdure.local.program_event import Died, ProgramEvent

__all__ = ["ChaosDisplay"]

_WIDTH: Final = 22


class ChaosDisplay:
    """Prints what happens, for people or as JSON."""

    def __init__(self, *, as_json: bool, status: Status | None = None) -> None:
        self._as_json = as_json
        self._status = status
        self._counted = Counted(0, 0, 0, 0)
        self.started = False

    def suite(self, happening: ProgramEvent) -> None:
        """Print how the suite starts, and which part dies by itself."""
        if self.started and (not isinstance(happening, Died) or happening.how == "SIGKILL"):
            return
        if self._as_json:
            self._print(happening)
        else:
            show(happening)

    def chaos(self, happening: ChaosEvent) -> None:
        """Print faults, recoveries and the progress of the events."""
        if isinstance(happening, Counted):
            self._counted = happening
            if self._status is not None:
                self._status.update(self._progress())
        elif self._as_json:
            self._print(happening, **asdict(self._counted))
        else:
            console.print(self._line(happening), soft_wrap=True)

    def _line(self, happening: Struck | Healed) -> str:
        what = f"{happening.fault:<9} {happening.target:<{_WIDTH}}"
        match happening:
            case Struck(detail=detail, seconds=seconds):
                return f"[red]✗[/] {seconds:6.1f} s  {what} {detail} [dim]{self._progress()}[/]"
            case Healed(seconds=seconds):
                return f"[green]✓[/] {'':8}  {what} [dim]over after {seconds:.1f} s[/]"

    def _progress(self) -> str:
        counted = self._counted
        published = f"{counted.published} of {counted.events} published"
        return f"{published}, {counted.ended} of {counted.outcomes} ended"

    @staticmethod
    def _print(happening: ChaosEvent | ProgramEvent, **more: int) -> None:
        console.out(json.dumps({"event": type(happening).__name__.lower(), **asdict(happening), **more}))

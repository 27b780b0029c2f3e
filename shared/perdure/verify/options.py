"""The options of the verifier, which ``perdure admin check`` passes on."""

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["AsJson", "Deleted", "Ended", "Events", "RunsPerEvent", "Within"]

Events = Annotated[
    Path | None, typer.Option(help='File of lines {"id": …, "type": …}; default: all in EVENTS.', show_default=False)
]
Deleted = Annotated[
    Path | None, typer.Option(help="File of what deleted streams held; chaos writes it.", show_default=False)
]
RunsPerEvent = Annotated[int, typer.Option(min=1, help="Expect at least so many matching routes per event.")]
Within = Annotated[str, typer.Option(help="Wait this long until all checks pass, e.g. 30s or 2m.")]
Ended = Annotated[
    bool, typer.Option("--ended", help="Open runs, waiting messages and unready processes are violations.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, one object a line.")]

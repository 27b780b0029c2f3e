"""``--since`` and ``--until``: instants, or how long ago."""

from datetime import UTC, datetime
from typing import Annotated

import typer

__all__ = ["Since", "Until", "read_time"]


def read_time(text: str) -> datetime:
    """Read an RFC 3339 instant, a local time without offset, or a duration such as ``2h`` before now; UTC.

    Raises:
        typer.BadParameter: The text is neither.
    """
    from perdure.values.duration import parse_duration

    try:
        return datetime.now(UTC) - parse_duration(text)
    except ValueError:
        pass  # it is no duration
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError as error:
        raise typer.BadParameter(
            f"{text!r} is no time: write 2h, 2026-11-28, '2026-11-28 14:30' or 2026-11-28T14:30:00+01:00"
        ) from error


Since = Annotated[
    datetime | None,
    typer.Option("--since", parser=read_time, metavar="TIME", help="Only from this time on: 2h (ago), 2026-11-28."),
]
Until = Annotated[
    datetime | None, typer.Option("--until", parser=read_time, metavar="TIME", help="Only until this time.")
]

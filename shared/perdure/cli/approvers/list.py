"""``perdure approvers list``: who may decide, with which key."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from perdure.cli.approvers.options import File
from perdure.cli.client import Json
from perdure.cli.output import console, local_day, print_json, table

if TYPE_CHECKING:
    from perdure.cli.approvers.file import KeyLine

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("list", epilog="Example: perdure approvers list --json")
    def list_(file: File = None, *, as_json: Json = False) -> None:
        """List approvers, their roles and their keys."""
        from perdure.cli.approvers.file import approvers_file, key_lines

        lines = list(key_lines(approvers_file(file).current()))
        if as_json:
            print_json(lines)
            return
        shown = table("key", "owner", "roles", "created", "state", rows=map(_row, lines))
        console.print(shown if lines else "Nobody may decide yet: `perdure approvers add NAME` adds somebody.")


def _row(line: KeyLine) -> tuple[str, ...]:
    created = local_day(line.created) if line.created else ""
    owner = f"{line.owner} (proxy)" if line.proxy else line.owner
    return line.key_id or "-", owner, ", ".join(line.roles), created, _state(line)


def _state(line: KeyLine) -> str:
    states = ["no key: cannot decide" if line.key_id is None else ""]
    states += [f"revoked {local_day(line.revoked)}" if line.revoked else ""]
    if line.delegates:
        until = f" until {local_day(line.away_until)}" if line.away_until else ""
        states.append(f"away{until}, {', '.join(line.delegates)} may vote")
    return "; ".join(filter(None, states))

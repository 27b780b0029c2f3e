"""``perdure versions list``: the versions of the code, and their open runs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import typer

from perdure.cli.client import Json, run_command
from perdure.cli.output import age, console, table
from perdure.cli.versions.request import ask

if TYPE_CHECKING:
    from perdure.values.version_request import CodeVersion, VersionAnswer

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(name="list", epilog="Example: perdure versions --json")
    def list_(*, as_json: Json = False) -> None:
        """List the versions of the code, and their open runs.

        New runs start on the current version. A draining one has open runs; its workers are needed until it has none.
        """
        from perdure.values.version_request import VersionRequest

        answer = run_command(ask(VersionRequest(act="list")))
        if as_json:
            for version in answer.versions:
                row = {"deployment": answer.deployment, **version.model_dump(mode="json")}
                console.out(json.dumps(row), highlight=False)
        else:
            _show(answer)


def _show(answer: VersionAnswer) -> None:
    if answer.versions:
        rows = [(it.build, it.state, str(it.open_runs), age(it.created_at), _was_current(it)) for it in answer.versions]
        console.print(table("version", "state", "open runs", "first seen", "current", rows=rows))
    else:
        console.print(f"No worker of {answer.deployment} has polled with a version yet.")
    if answer.following:
        console.print(f"Open runs that follow the current version, as their workflow says: {answer.following}")
    if answer.unversioned:
        console.print(f"Open runs without a version, which go on with the current one: {answer.unversioned}")


def _was_current(version: CodeVersion) -> str:
    if version.current_since is not None:
        return f"for {age(version.current_since)}"
    return "" if version.current_until is None else f"until {age(version.current_until)} ago"

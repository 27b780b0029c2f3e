"""``perdure routes waiting``: waiting starts and open runs of routes with flow control."""

import json
from collections import Counter, defaultdict
from typing import Any

import typer

from perdure.cli.client import Json, open_bus, run_command
from perdure.cli.output import console, table

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command()
    def waiting(*, as_json: Json = False) -> None:
        """Show waiting starts and open runs of each route with flow control."""
        rows = run_command(_waiting())
        if as_json:
            for row in rows:
                console.out(json.dumps(row), highlight=False)
        else:
            shown = [(it["route"], str(it["waiting"]), str(it["collected"]), str(len(it["open"]))) for it in rows]
            console.print(table("route", "waiting", "in a batch to be", "open", rows=shown))


async def _waiting() -> list[dict[str, Any]]:
    from perdure.config.loader import load_settings
    from perdure.contracts import from_token, to_token

    names = {to_token(route.label) for route in load_settings().routes if route.flow or route.window}
    waiting, collected = Counter[str](), Counter[str]()
    opened = defaultdict[str, list[str]](list)
    async with open_bus() as bus:
        for subject, count in {
            **await bus.count_by_subject("waiting.>"),
            **await bus.count_by_subject("latest.>"),
        }.items():
            _, stage, route, *_ = subject.split(".")
            (collected if stage == "batch" else waiting)[route] += count
        for subject in await bus.count_by_subject("open.run.>"):
            _, _, route, _, run = subject.split(".")
            opened[route].append(from_token(run))
    return [
        {
            "route": from_token(route),
            "waiting": waiting[route],
            "collected": collected[route],
            "open": sorted(opened[route]),
        }
        for route in sorted({*names, *waiting, *collected})
    ]

"""``perdure runs list``: runs with their latest progress."""

from typing import Annotated

import typer

from perdure.bus.views.run_index import latest_facts
from perdure.cli.client import Json, open_bus, run_command
from perdure.cli.output import console, local_day, print_json, shell_word, table
from perdure.contracts import ENDINGS, Progress

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("list")
    def list_(
        *,
        open_only: Annotated[bool, typer.Option("--open", help="Only runs that have not ended.")] = False,
        as_json: Json = False,
    ) -> None:
        """List runs with their latest progress."""
        facts = [fact for fact in run_command(_newest()) if not (open_only and fact.kind in ENDINGS)]
        if as_json:
            print_json(facts)
        else:
            rows = [
                (shell_word(fact.workflow_id), fact.workflow, fact.kind, fact.step or "", local_day(fact.at))
                for fact in facts
            ]
            console.print(table("run", "workflow", "state", "step", "since", rows=rows))


async def _newest() -> list[Progress]:
    async with open_bus() as bus:
        return await latest_facts(bus)

"""``perdure approvals show``: one approval request, with its policy, its votes and what became of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from perdure.cli.approvals.options import RequestId
from perdure.cli.client import Json, open_bus, run_command
from perdure.cli.output import console, facts_text

if TYPE_CHECKING:
    from perdure.bus.views.request_record import RequestRecord

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(epilog="Example: perdure approvals show DocumentAnalysis~42")
    def show(request_id: RequestId, *, as_json: Json = False) -> None:
        """Show a request, open or settled: text, policy, votes, outcome."""
        from perdure.cli.approvals.records import record_facts, record_json
        from perdure.cli.approvals.text import facts_of

        record = run_command(_find(request_id))
        if as_json:
            console.out(record_json(record), highlight=False)
            return
        facts = [*facts_of(record.request, record.current_policy), *record_facts(record)]
        console.print(facts_text(facts), soft_wrap=True)


async def _find(request_id: str) -> RequestRecord:
    from perdure.bus.views.requests import find_request

    async with open_bus() as bus:
        return await find_request(bus, request_id)

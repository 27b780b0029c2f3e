"""``perdure deploy``: new code takes over while runs are open."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from perdure.cli.client import Json, open_bus, run_command
from perdure.cli.exit_codes import NO, UNREACHABLE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from perdure.config.settings import Settings
    from perdure.values.rollout import RolloutEvent, RolloutRequest

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(epilog="Example: perdure deploy --dry-run")
    def deploy(
        *,
        dry_run: Annotated[
            bool, typer.Option("--dry-run", help="Only replay the open runs, and show what would come of them.")
        ] = False,
        all_or_nothing: Annotated[
            bool, typer.Option("--all-or-nothing", help="Change nothing unless every open run replays.")
        ] = False,
        as_json: Json = False,
    ) -> None:
        """Roll out the code that lies here, and move the open runs that fit."""
        from perdure.local.approver import login_name
        from perdure.values.rollout import RolloutRequest

        request = RolloutRequest(dry_run=dry_run, all_or_nothing=all_or_nothing, by=login_name())
        run_command(roll_out_here(request, as_json=as_json))


async def roll_out_here(request: RolloutRequest, *, as_json: bool) -> None:
    """Ask the suite of this folder for a rollout, or do it at the servers that are configured; print its course.

    Raises:
        Unavailable: The suite has ended.
        typer.Exit: With the code of a rollout that was refused.
    """
    from perdure.cli.rollout_display import show_rollout, show_rollout_json
    from perdure.config.loader import load_settings
    from perdure.values.rollout import RolloutRefused

    await _refuse_in_a_pause(request)
    show = show_rollout_json if as_json else show_rollout
    async for event in _events(load_settings(), request):
        show(event)
        if isinstance(event, RolloutRefused):
            raise typer.Exit(UNREACHABLE if event.is_passing else NO)


async def _refuse_in_a_pause(request: RolloutRequest) -> None:
    """Refuse to change anything while the suite is paused: workers of new code could not begin.

    Raises:
        PerdureError: It is paused.
    """
    from perdure.bus.views.pauses import suite_pause
    from perdure.errors import PerdureError, Unavailable

    try:
        async with open_bus() as bus:
            pause = await suite_pause(bus)
    except Unavailable:  # the rollout itself says so, if it needs the bus
        return
    if pause is not None and not request.dry_run:
        raise PerdureError(
            f"The suite is {pause.sentence}. No worker of new code can begin meanwhile: pause the routes and runs "
            "concerned, let the suite go on with `perdure resume`, and deploy then."
        )


def _events(settings: Settings, request: RolloutRequest) -> AsyncIterator[RolloutEvent]:
    from perdure.errors import Unavailable
    from perdure.local.absence import no_suite
    from perdure.local.deploy_requests import ask_and_follow
    from perdure.local.rollout_program import rollout_events
    from perdure.local.state import read_endpoints

    if (suite := read_endpoints(settings.state)) is not None:
        return ask_and_follow(settings.state, suite, request)
    if settings.execution_engine == "local" and "servers" not in settings.nats.model_fields_set:
        raise Unavailable(no_suite(settings.state))
    return rollout_events(request, {})

"""``perdure routes pause`` and ``perdure routes resume``: a route starts no run for a while."""

import typer

from perdure.cli.client import Json
from perdure.cli.pausing import Reason, change
from perdure.cli.routes.backfill import RouteName
from perdure.errors import NotFound, WrongArgument

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the commands."""

    @app.command(epilog='Example: perdure routes pause Order --reason "the shop sends doubles"')
    def pause(route: RouteName, *, reason: Reason, as_json: Json = False) -> None:
        """Let a route start no run; its events wait.

        Events are accepted, and their starts wait in order; runs that are open go on. Other routes are not touched. It
        holds across restarts, and ADMIN records it.
        """
        from perdure.contracts.pauses import paused_route

        then = "Its starts wait until `perdure routes resume`; runs that are open go on."
        change(paused_route(_known(route)), "paused", reason=reason, as_json=as_json, then=then)

    @app.command(epilog="Example: perdure routes resume Order")
    def resume(route: RouteName, *, reason: Reason = "", as_json: Json = False) -> None:
        """Let a paused route go on.

        The starts that waited begin in order, within the limits of the route.
        """
        from perdure.contracts.pauses import paused_route

        change(paused_route(route), "resumed", reason=reason, as_json=as_json, then="What waited starts now.")


def _known(name: str) -> str:
    """Return the name of a route that can be paused.

    Raises:
        NotFound: There is no such route.
        WrongArgument: It only signals runs.
    """
    from perdure.config.loader import load_settings

    routes = {route.label: route for route in load_settings().routes}
    if name not in routes:
        raise NotFound(f"There is no route {name}; there are: {', '.join(routes) or 'none'}.")
    if routes[name].start is None:
        raise WrongArgument(f"The route {name} signals runs, and signals do not wait: pause its runs, or the suite.")
    return name
